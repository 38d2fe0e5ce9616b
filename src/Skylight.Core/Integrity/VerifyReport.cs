using System.Text.Json.Serialization;

namespace Skylight.Core.Integrity;

/// <summary>How much a verification reads.</summary>
public enum VerifyDepth
{
    /// <summary>Structure: documents, rows, indexes, metadata, keys, and the presence and length of packs.</summary>
    Quick,

    /// <summary>Every byte too: packs authenticate, and each instance has the SHA-256 that its index entry names.</summary>
    Deep,
}

/// <summary>One thing that is not as it should be. Keys and object names only, nothing from a dataset.</summary>
/// <param name="Code">Stable name, see <see cref="VerifyCode"/>.</param>
/// <param name="IsError">False for what is untidy but loses and hides nothing (objects and keys that nothing names).</param>
/// <param name="StudyKey">The study concerned, where there is one.</param>
/// <param name="Object">The stored object concerned, where there is one.</param>
/// <param name="Detail">Further words: a fault, counts.</param>
public sealed record VerifyFinding(string Code, bool IsError, string Institution, string? StudyKey, string? Object, string? Detail);

/// <summary>The codes of findings. Part of the API: only added to.</summary>
public static class VerifyCode
{
    /// <summary>An institution or study has no key record although sealed objects need it.</summary>
    public const string KeyMissing = "key-missing";

    /// <summary>A key record is there, and its key cannot be unwrapped.</summary>
    public const string KeyUnavailable = "key-unavailable";

    /// <summary>An instance is compressed by a codec that does not work here, so nobody can say whether it is whole.</summary>
    public const string CodecMissing = "codec-missing";

    /// <summary>
    /// A note: packs in the archive tier are there and as long as they have to be; their bytes nobody can read before they are rehydrated. One an institution, with how many and how large they are.
    /// </summary>
    public const string ArchivedNotRead = "archived-not-read";

    /// <summary>An index, metadata, manifest, corrections or preview object lies in the archive tier, where nobody can read it: these stay hot.</summary>
    public const string ObjectArchived = "object-archived";

    /// <summary>A document or index names an object that is not there.</summary>
    public const string ObjectMissing = "object-missing";

    /// <summary>An object does not authenticate, is cut short, or is not what its name says.</summary>
    public const string ObjectDamaged = "object-damaged";

    /// <summary>A part list and its index disagree about the number of entries.</summary>
    public const string IndexCount = "index-count";

    /// <summary>An entry reaches past its pack's end.</summary>
    public const string EntryRange = "entry-range";

    /// <summary>The bytes at an entry's place have another SHA-256 than the entry says.</summary>
    public const string ContentDigest = "content-digest";

    /// <summary>The study document counts another number of instances than its indexes.</summary>
    public const string InstanceCount = "instance-count";

    /// <summary>An entry has no metadata document.</summary>
    public const string MetadataMissing = "metadata-missing";

    /// <summary>An index entry has no row in the instance index.</summary>
    public const string RowMissing = "row-missing";

    /// <summary>Row and index entry disagree about what is served.</summary>
    public const string RowState = "row-state";

    /// <summary>A row says that something is served or kept, and no index entry has it.</summary>
    public const string EntryMissing = "entry-missing";

    /// <summary>A stored object that nothing names: left by a write that broke off, or waiting for the sweep.</summary>
    public const string ObjectUnreferenced = "object-unreferenced";

    /// <summary>A study whose erasure was broken off after its key was destroyed; it goes on when the host starts.</summary>
    public const string ErasureUnfinished = "erasure-unfinished";

    /// <summary>Something that was erased is there again: a backup from before was restored without its erasures. <c>skylight restore</c> repeats them.</summary>
    public const string ErasedIsBack = "erased-is-back";

    /// <summary>A key record of a study that is not there.</summary>
    public const string KeyUnused = "key-unused";
}

/// <summary>What a verification found.</summary>
/// <param name="Bytes">Plaintext bytes of packs that were read and authenticated.</param>
/// <param name="NotRead">Archived packs of which only the length was compared (<see cref="VerifyCode.ArchivedNotRead"/>).</param>
/// <param name="NotReadBytes">Their plaintext bytes.</param>
/// <param name="Findings">The first <see cref="MaxFindings"/>; <see cref="Errors"/> and <see cref="Notes"/> count all.</param>
public sealed record VerifyReport(
    int V,
    VerifyDepth Depth,
    DateTimeOffset StartedAt,
    DateTimeOffset EndedAt,
    long Institutions,
    long Studies,
    long Instances,
    long Objects,
    long Bytes,
    long NotRead,
    long NotReadBytes,
    long Errors,
    long Notes,
    IReadOnlyList<VerifyFinding> Findings)
{
    /// <summary>Findings that a report carries at most.</summary>
    public const int MaxFindings = 1000;

    /// <summary>True when everything that is named is there, whole, readable, and agrees; of archived packs that were not read (<see cref="NotRead"/>) only that they are there and as long as they have to be.</summary>
    [JsonPropertyOrder(-1)]
    public bool Ok => Errors == 0;
}
