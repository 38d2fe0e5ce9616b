using System.Security.Cryptography;
using System.Text;
using Skylight.Core.Catalog;

namespace Skylight.Core.Ingest;

/// <summary>Who sends: recorded on the study, and decides which of several revisions is current.</summary>
/// <param name="Name">AE title, node id or account id; never a person's name.</param>
public sealed record IngestSource(string Name, SourceTrust Trust, IngestChannel Channel);

public enum IngestChannel
{
    Upload,
    Stow,
    Dimse,
    Folder,
    Inference,
}

/// <summary>What a batch is for. All of it belongs to one institution.</summary>
/// <param name="UploadId">The upload session, when there is one; named by intake items.</param>
/// <param name="StudyInstanceUid">Only instances of this study are taken, others are rejected as <c>wrong-study</c>; null for any.</param>
/// <param name="BatchId">Names the batch within its upload, the same when it is repeated; null where nothing repeats it.</param>
public sealed record IngestContext(string Institution, IngestSource Source, string? UploadId, string? StudyInstanceUid = null, string? BatchId = null)
{
    /// <summary>
    /// Called before anything of the batch is committed, with the keys of the studies that are going to change: for whoever must have recorded that first.
    /// A large batch commits, and calls, several times.
    /// </summary>
    public Func<IEnumerable<string>, CancellationToken, ValueTask>? BeforeCommit { get; init; }

    /// <summary>Whether whoever sends may delete at the institution; asked when a rejection note comes from a source that settings do not trust.</summary>
    public Func<bool> MayDelete { get; init; } = static () => false;

    /// <summary>Whether rejection notes of this batch are carried out: those of the institution's modalities and PACS, and of people who could delete as well. Others wait for a technician.</summary>
    internal bool Rejects => Source.Trust > SourceTrust.Other || MayDelete();

    /// <summary>See <see cref="InstanceIndexRow.Origin"/>.</summary>
    internal long Origin { get; } = BatchId is null ? 0 : BitConverter.ToInt64(SHA256.HashData(Encoding.UTF8.GetBytes($"{UploadId}\n{BatchId}"))) | 1;
}

/// <summary>How a file is called in the report: the opaque name it was sent under, and its path in the manifest when there is one.</summary>
/// <param name="OnMedium">The file lies beside a DICOMDIR, so viewers and their files are ignored.</param>
public sealed record IngestName(string Name, string? Path = null, bool OnMedium = false);
