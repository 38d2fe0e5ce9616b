using System.Globalization;
using System.Text;
using System.Text.Json.Serialization;
using Skylight.Azure.Cosmos;
using Skylight.Core.Audit;

namespace Skylight.Azure.Audit;

/// <summary>Entries of one institution's chain that were appended together. The item's id is the first sequence in it, so the chain can be extended by one writer only.</summary>
/// <param name="AtMin">Earliest time in it, milliseconds since 1970.</param>
/// <param name="AtMax">Latest time in it.</param>
internal sealed record AuditItem(
    string Id,
    string Pk,
    IReadOnlyList<string> Writes,
    long First,
    long Last,
    long AtMin,
    long AtMax,
    IReadOnlyList<string> Patients,
    IReadOnlyList<string> Studies,
    IReadOnlyList<string> Actors,
    IReadOnlyList<AuditItemEntry> Entries) : ITrailed
{
    public static string IdOf(long sequence) => sequence.ToString("D16", CultureInfo.InvariantCulture);

    /// <summary>The next entries of a chain.</summary>
    public static AuditItem Next(string institution, AuditHeadState head, IReadOnlyList<byte[]> bodies, byte[] key)
    {
        var entries = new List<AuditItemEntry>(bodies.Count);
        var (sequence, previous) = (head.Sequence, head.Hash);
        foreach (var body in bodies)
        {
            var hash = AuditChain.Hash(previous, institution, ++sequence, body);
            entries.Add(new AuditItemEntry(sequence, previous, Encoding.UTF8.GetString(body), hash, AuditChain.Mac(key, hash)));
            previous = hash;
        }

        var events = bodies.Select(body => AuditChain.Decode(body)).ToList();
        return new AuditItem(
            IdOf(head.Sequence + 1), institution, [WriteTrail.NewId()], head.Sequence + 1, sequence, events.Min(e => e.At.ToUnixTimeMilliseconds()), events.Max(e => e.At.ToUnixTimeMilliseconds()),
            Distinct(events.Select(e => e.PatientKey)), Distinct(events.Select(e => e.StudyKey)), Distinct(events.Select(e => e.Actor)), entries);
    }

    /// <summary>Where the chain ends with this item.</summary>
    public AuditHeadState Head() => new(Last, Entries[^1].Hash);

    /// <summary>What an entry is found by here: its own values where the item carries them.</summary>
    public AuditColumns Columns(AuditEvent recorded)
    {
        var at = recorded.At.ToUnixTimeMilliseconds();
        return new AuditColumns(at >= AtMin && at <= AtMax ? at : 0, Found(Patients, recorded.PatientKey), Found(Studies, recorded.StudyKey), Found(Actors, recorded.Actor));
    }

    private static string? Found(IReadOnlyList<string> values, string? value) => value is not null && values.Contains(value) ? value : null;

    private static List<string> Distinct(IEnumerable<string?> values) => [.. values.OfType<string>().Distinct(StringComparer.Ordinal)];
}

/// <param name="Body">The event's bytes, UTF-8; kept as text so that exactly they come back.</param>
internal sealed record AuditItemEntry(
    [property: JsonPropertyName("n")] long Sequence,
    [property: JsonPropertyName("p")] byte[] Previous,
    [property: JsonPropertyName("b")] string Body,
    [property: JsonPropertyName("h")] byte[] Hash,
    [property: JsonPropertyName("m")] byte[] Mac);

/// <summary>The last entry of a chain as a writer knows it; sequence 0 before the first.</summary>
internal sealed record AuditHeadState(long Sequence, byte[] Hash)
{
    public static AuditHeadState Empty { get; } = new(0, AuditChain.Zero.ToArray());
}
