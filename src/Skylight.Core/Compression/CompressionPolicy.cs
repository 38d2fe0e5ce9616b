using System.Security.Cryptography;
using System.Text.Json;
using Skylight.Archive.Coding;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Core.Compression;

/// <summary>
/// Which uncompressed instances of an institution are compressed where they lie. The first rule that fits a series applies; a series that none fits stays as it
/// is. What is read stays the same, byte for byte.
/// </summary>
/// <param name="AfterDays">Days since the study's newest instance arrived before it is touched.</param>
/// <param name="Rules">In order; at most 50.</param>
public sealed record CompressionPolicy(int V, int AfterDays, IReadOnlyList<CompressionRule> Rules)
{
    public const int MaxRules = 50;

    private const int MaxDays = 36_500;

    /// <summary>Nothing is compressed before somebody has said so.</summary>
    public static CompressionPolicy None { get; } = new(1, 1, []);

    /// <summary>The rule for a series; null when it stays as it is, also for want of the rule's codec.</summary>
    public CompressionRule? RuleFor(string? modality, StorageTier tier, PictureCodecs codecs) =>
        tier == StorageTier.Archive ? null
        : Rules.FirstOrDefault(rule => rule.Fits(modality, tier)) is { Codec: not CompressionRule.NoCodec } rule && codecs.Named(rule.Codec) is { Missing: null } ? rule : null;

    /// <summary>Whether a study is to be looked at: it has been left in peace long enough, and nobody has done so under this policy, in this tier, since it last grew.</summary>
    public bool IsDue(StudySummary study, PictureCodecs codecs, DateTimeOffset now) =>
        study.State == StudyState.Complete && (now - study.ReceivedAt).TotalDays >= AfterDays && !(study.Compression is { } mark && mark.At >= study.ReceivedAt && mark.Policy == Stamp(study.Tier, codecs))
        && study.Attributes.Modalities.Any(modality => RuleFor(modality, study.Tier, codecs) is not null);

    /// <summary>Stands for what the policy means for a tier: another one is a reason to look at a study again.</summary>
    public string Stamp(StorageTier tier, PictureCodecs codecs)
    {
        var missing = string.Concat(codecs.All.Select(codec => codec.Missing is null ? '1' : '0'));
        return Convert.ToHexStringLower(SHA256.HashData([.. JsonSerializer.SerializeToUtf8Bytes(Rules, DocumentJson.Options), (byte)tier, .. System.Text.Encoding.ASCII.GetBytes(missing)]).AsSpan(0, 8));
    }

    /// <summary>Names of the fields that cannot be taken; empty when all is well.</summary>
    public IReadOnlyList<string> Faults(PictureCodecs codecs) =>
    [
        .. AfterDays is < 0 or > MaxDays ? ["afterDays"] : (string[])[],
        .. Rules.Count > MaxRules ? ["rules"] : (string[])[],
        .. Rules.SelectMany((rule, i) => rule.Faults(codecs).Select(fault => FormattableString.Invariant($"rules[{i}].{fault}"))),
    ];
}

/// <summary>One rule. Empty selectors fit every series.</summary>
/// <param name="Modalities">A series of any of them.</param>
/// <param name="Tiers">A study in any of them. Packs of archived studies are not touched, whatever a rule says.</param>
/// <param name="Codec">A codec's name, or <see cref="NoCodec"/> to leave alone what fits.</param>
/// <param name="MinBytes">Smaller instances stay as they are; null for 64 KiB.</param>
public sealed record CompressionRule(IReadOnlyList<string>? Modalities, IReadOnlyList<StorageTier>? Tiers, string Codec, long? MinBytes)
{
    public const string NoCodec = "none";

    private const long UsualMinBytes = 64 << 10;

    /// <summary>Bytes from which an instance is compressed.</summary>
    internal long Least => MinBytes ?? UsualMinBytes;

    public bool Fits(string? modality, StorageTier tier) =>
        (Modalities is not { Count: > 0 } || (modality is not null && Modalities.Contains(modality))) && (Tiers is not { Count: > 0 } || Tiers.Contains(tier));

    internal IEnumerable<string> Faults(PictureCodecs codecs)
    {
        if (Codec is null || (Codec != NoCodec && codecs.Named(Codec) is null)) yield return "codec";
        if (MinBytes < 0) yield return "minBytes";
        if (Modalities is { Count: > 50 }) yield return "modalities";
        if (Tiers is not null && Tiers.Any(tier => !Enum.IsDefined(tier))) yield return "tiers";
    }
}
