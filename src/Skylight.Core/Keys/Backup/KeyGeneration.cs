using System.Text.Json.Serialization;
using Skylight.Core.Access;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle;

namespace Skylight.Core.Keys.Backup;

/// <summary>The wrapped keys of all institutions at one moment, with the list of erasures of that moment. Written last; without this record there is no generation.</summary>
/// <param name="V">Version of this record, 1.</param>
/// <param name="Id">Part of its objects' names: the moment in UTC, so that names sort by time.</param>
/// <param name="At">Every key that was there then, and still is, is in it.</param>
public sealed record KeyGeneration(int V, string Id, DateTimeOffset At, IReadOnlyList<RecordFile> Files)
{
    /// <summary>Every key record had its second copy when this was written.</summary>
    public bool Copied { get; init; }

    /// <summary>Institutions in it.</summary>
    [JsonIgnore]
    public int Institutions => Count(RecordFile.Institutions);

    /// <summary>Key records in it.</summary>
    public int Keys => Count(RecordFile.Keys);

    /// <summary>Erasures that it knows of.</summary>
    public int Erasures => Count(RecordFile.Erasures);

    private int Count(string kind) => Files.Where(file => file.Kind == kind).Sum(file => file.Records);
}

/// <summary>A part of a generation: records as JSON, one a line.</summary>
/// <param name="Name">Object name in the second place.</param>
/// <param name="Sha256">Of its bytes, lower-case hex.</param>
public sealed record RecordFile(string Name, string Kind, int Records, int Length, string Sha256)
{
    public const string Keys = "keys";
    public const string Erasures = "erasures";
    public const string Institutions = "institutions";
}

/// <summary>The newest generation that the records know of, in the records: if there is a newer one, they were set back.</summary>
public sealed record KeyBackupMark(int V, string Generation)
{
    internal static readonly DocumentKey Key = new(Actor.PlatformInstitution, "key-backup", "newest");
}

/// <summary>What a restore came to.</summary>
/// <param name="Keys">Key records that were put back.</param>
/// <param name="Erased">What was destroyed again.</param>
public sealed record KeyRestore(string Generation, int Keys, int Institutions, ErasureReplay Erased);

/// <summary>A generation cannot be used. The message carries no key material.</summary>
public sealed class KeyBackupException(string message) : Exception(message);
