using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Skylight.Archive.Keys;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// The erasure of a study, or of instances of one: asked for, approved, carried out, certified. A document of type <c>erasure</c>. It outlives what it erased:
/// a restore from a backup is followed by it. It names keys and accounts, and a UID only until it is carried out.
/// </summary>
public sealed record ErasureRecord
{
    public const string Type = "erasure";

    public int V { get; init; } = 1;

    public required string Institution { get; init; }

    public required string Id { get; init; }

    public required string StudyKey { get; init; }

    public required string PatientKey { get; init; }

    /// <summary>Every patient that the study was of in its time, <see cref="PatientKey"/> too; listed while the study is there.</summary>
    public IReadOnlyList<string> PatientKeys { get; init; } = [];

    /// <summary>The deletion that came before; for instances it says which ones. Null for a study that was not hidden before.</summary>
    public string? DeletionId { get; init; }

    /// <summary>Study: all of it, its key too. Instances: those that the deletion hid.</summary>
    public DeletionLevel Level { get; init; }

    /// <summary>What was asked for, when it became the erasure of a study of which nothing was left.</summary>
    public DeletionLevel? EmptiedFrom { get; init; }

    public required ErasureBasis Basis { get; init; }

    /// <summary>Number of the order or request it rests on; no names.</summary>
    public string? Reference { get; init; }

    public required ErasureStatus Status { get; init; }

    public required string RequestedBy { get; init; }

    public DateTimeOffset RequestedAt { get; init; }

    /// <summary>A second person of medical records has to approve it.</summary>
    public bool NeedsApproval { get; init; }

    public string? DecidedBy { get; init; }

    public DateTimeOffset? DecidedAt { get; init; }

    /// <summary>Why it was stopped although it was approved; null where nothing stopped it.</summary>
    public ErasureRefusal? Refusal { get; init; }

    /// <summary>The next step; those before it are done.</summary>
    public ErasureStep Step { get; init; }

    /// <summary>Tells the study that is erased from one that comes later under the same UID.</summary>
    public DateTimeOffset StudyCreatedAt { get; init; }

    /// <summary>
    /// Ids of the keys that the study had when its erasure was asked for. They tell it from one that comes later where a catalog that was made again, or set back, says otherwise than
    /// <see cref="StudyCreatedAt"/> when it was begun.
    /// </summary>
    public IReadOnlyList<string> KnownKeys { get; init; } = [];

    /// <summary>Ids of the keys that are destroyed.</summary>
    public IReadOnlyList<string> Keys { get; init; } = [];

    /// <summary>Until it is carried out.</summary>
    public string? StudyInstanceUid { get; init; }

    public int Pages { get; init; }

    /// <summary>Pages of marks of single instances (<see cref="ErasedContent"/>), which stay.</summary>
    public int MarkPages { get; init; }

    /// <summary>Set only in a list that travels with a backup; documents have their marks in pages beside them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Marks { get; init; }

    /// <summary>It was carried out before, and a restore has brought back what it took: a hold of the restored moment, which was released before the erasure, does not stop it.</summary>
    public bool Again { get; init; }

    /// <summary>Revision of the study that was listed: in another one there may be more.</summary>
    public long StudyRevision { get; init; }

    /// <summary>Nothing stops it any more.</summary>
    public bool Destroying { get; init; }

    /// <summary>Whether a study is the one that is erased, not one that has come since under its UID.</summary>
    /// <param name="keys">Ids of the keys that the study has.</param>
    internal bool IsOf(StudyDocument study, IReadOnlyList<string> keys) => study.CreatedAt == StudyCreatedAt || study.Erasing == Id || keys.Any(key => KnownKeys.Contains(key) || Keys.Contains(key));

    /// <summary>Whether its approval has to be given again: the study's holds became unknown since it was given, or needed.</summary>
    internal bool WaitsForApproval(StudyDocument study) => !Again && EmptiedFrom is null && study.HoldsUnknownSince is { } since && !(DecidedBy is not null && DecidedAt > since);

    /// <summary>Something may be destroyed already: a restore must not bring it back.</summary>
    [JsonIgnore]
    public bool HasDestroyed => Status == ErasureStatus.Erased || (Status == ErasureStatus.Running && (Destroying || EmptiedFrom is not null));

    public int Instances { get; init; }

    public int Objects { get; init; }

    public int IntakeItems { get; init; }

    public bool PatientErased { get; init; }

    /// <summary>
    /// When the last bytes of single instances are gone, which readers that had begun may still be using: the packs that had them are deleted a day after they were written anew. Null for a
    /// whole study, whose key is destroyed, and where nobody was reading.
    /// </summary>
    public DateTimeOffset? BytesGoneBy { get; init; }

    /// <summary>When they were seen to be gone, after <see cref="BytesGoneBy"/>; null before.</summary>
    public DateTimeOffset? BytesGoneAt { get; init; }

    /// <summary>When it was done.</summary>
    public DateTimeOffset? At { get; init; }

    public ErasureCertificate? Certificate { get; init; }
}

/// <summary>Why something is erased. Codes are API.</summary>
public enum ErasureBasis
{
    /// <summary>It was deleted, and its retention is over.</summary>
    RetentionExpired,

    /// <summary>The person it is about asks for it (PIPL 47); retention comes first.</summary>
    SubjectRequest,

    /// <summary>It was never a record of this institution.</summary>
    ReceivedInError,

    /// <summary>A court or an authority orders it.</summary>
    LegalOrder,
}

public enum ErasureStatus
{
    /// <summary>Waits for approval.</summary>
    Requested,
    Refused,
    Running,
    Erased,
}

/// <summary>Steps in order. A running erasure remembers where it is: steps are added at the end of a new version only.</summary>
public enum ErasureStep
{
    /// <summary>Hidden; holds and retention are asked once more.</summary>
    Freeze,

    /// <summary>What there is of it is listed, while its indexes can be read.</summary>
    Collect,
    DestroyKey,
    Catalog,
    Objects,
    Records,

    /// <summary>Logs and free pages of the stores.</summary>
    Purge,
    Certify,
    Done,
}

/// <summary>Says what was destroyed, when and on whose word; authenticated under a key of the institution.</summary>
/// <param name="BytesGoneBy"><inheritdoc cref="ErasureRecord.BytesGoneBy" path="/summary"/></param>
/// <param name="AuditSequence">The entry in the institution's trail that says the same.</param>
/// <param name="Mac">HMAC-SHA256 over the certificate's JSON with an empty <c>mac</c>, lower-case hex.</param>
public sealed record ErasureCertificate(
    int V, string Institution, string ErasureId, string StudyKey, string PatientKey, DeletionLevel Level, ErasureBasis Basis, string? Reference, string RequestedBy, string? ApprovedBy,
    DateTimeOffset ErasedAt, IReadOnlyList<string> KeysDestroyed, int Instances, int Objects, int IntakeItems, bool PatientRecord,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DateTimeOffset? BytesGoneBy, long AuditSequence, string Mac)
{
    private const string Purpose = "erasure-certificate";

    /// <summary>The certificate with its MAC.</summary>
    public async ValueTask<ErasureCertificate> SignAsync(InstitutionSecrets secrets, CancellationToken cancellationToken) => this with { Mac = await MacAsync(secrets, cancellationToken) };

    public async ValueTask<bool> IsGenuineAsync(InstitutionSecrets secrets, CancellationToken cancellationToken)
    {
        var expected = Encoding.ASCII.GetBytes(await MacAsync(secrets, cancellationToken));
        return CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Mac), expected);
    }

    private async ValueTask<string> MacAsync(InstitutionSecrets secrets, CancellationToken cancellationToken)
    {
        var key = await secrets.GetAsync(Institution, Purpose, cancellationToken);
        try
        {
            return Convert.ToHexStringLower(HMACSHA256.HashData(key, JsonSerializer.SerializeToUtf8Bytes(this with { Mac = "" }, DocumentJson.Options)));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }
}
