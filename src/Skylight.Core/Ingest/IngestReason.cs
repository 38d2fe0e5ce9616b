namespace Skylight.Core.Ingest;

/// <summary>A stable code with its text in both languages. Never carries values from the file.</summary>
public sealed record IngestReason(string Code, string En, string Zh);

/// <summary>Every reason that ingest gives. Codes are API: they are added to, never changed.</summary>
public static class IngestReasons
{
    public static readonly IngestReason Empty = new("empty", "The file has no bytes.", "文件为空（0 字节）。");
    public static readonly IngestReason NotDicom = new("not-dicom", "The file is not DICOM and not an archive that can be opened.", "该文件既不是 DICOM 文件，也不是可打开的归档文件。");
    public static readonly IngestReason Truncated = new("truncated", "The file ends in the middle of an element.", "文件在数据元素中间被截断。");
    public static readonly IngestReason Malformed = new("malformed", "The file starts like DICOM but cannot be parsed.", "文件看似 DICOM，但无法解析。");
    public static readonly IngestReason MissingIdentity = new("missing-identity", "The study, series or SOP instance UID is missing.", "缺少检查、序列或 SOP 实例 UID。");
    public static readonly IngestReason TooLarge = new("too-large", "The file is larger than this system accepts.", "文件超过系统允许的大小。");
    public static readonly IngestReason HeaderTooLarge = new("header-too-large", "The attributes before the pixel data are larger than this system accepts.", "像素数据之前的属性超过系统允许的大小。");
    public static readonly IngestReason ArchiveDamaged = new("archive-damaged", "The archive is damaged or encrypted; what could be read before was taken.", "归档文件损坏或已加密；此前可读取的内容已接收。");
    public static readonly IngestReason ArchiveTooManyEntries = new("archive-too-many-entries", "The archive has more entries than allowed.", "归档文件中的条目数超过限制。");
    public static readonly IngestReason ArchiveTooLarge = new("archive-too-large", "The archive unpacks to more bytes than allowed.", "归档文件解压后的大小超过限制。");
    public static readonly IngestReason ArchiveRatio = new("archive-ratio", "The archive unpacks to suspiciously many times its size.", "归档文件的压缩比异常。");
    public static readonly IngestReason ArchiveNested = new("archive-nested", "An archive inside an archive inside an archive is not opened.", "归档嵌套层数超过限制，未打开。");
    public static readonly IngestReason ChangedDuringRead = new("blob-changed", "The blob was changed after the upload was completed.", "上传完成后该文件被修改。");
    public static readonly IngestReason Missing = new("blob-missing", "The blob named by the upload is not there.", "上传清单中的文件不存在。");
    public static readonly IngestReason MissingReference = new("missing-reference", "The DICOMDIR names a file that is not on the medium.", "DICOMDIR 引用的文件不在介质中。");
    public static readonly IngestReason DicomDir = new("dicomdir", "A media directory, not an instance.", "介质目录文件（DICOMDIR），不是影像实例。");
    public static readonly IngestReason MediaProgram = new("media-program", "A viewer or system file on the medium.", "介质上的浏览程序或系统文件。");
    public static readonly IngestReason PixelsDiffer = new("pixels-differ", "The institution has this SOP instance with other pixel data.", "本机构已有相同 SOP 实例 UID，但像素数据不同。");
    public static readonly IngestReason NotComparable = new("not-comparable", "The institution has this SOP instance in a form that cannot be compared.", "本机构已有相同 SOP 实例 UID，但两者无法比较。");
    public static readonly IngestReason OtherStudy = new("other-study", "The institution has this SOP instance in another study or series.", "本机构已有相同 SOP 实例 UID，但属于其他检查或序列。");
    public static readonly IngestReason PatientMismatch = new("patient-mismatch", "The study belongs to another patient.", "该检查属于另一位患者。");
    public static readonly IngestReason RejectedBefore = new("rejected-before", "A technician has rejected exactly this content.", "技师此前已拒绝完全相同的内容。");
    public static readonly IngestReason StudyDeleted = new("study-deleted", "The study was deleted.", "该检查已被删除。");
    public static readonly IngestReason InstanceDeleted = new("instance-deleted", "The instance was deleted or rejected.", "该实例已被删除或被拒收。");
    public static readonly IngestReason RejectionUnauthorised = new("rejection-unauthorised", "The rejection note comes from a source that may not reject; a technician decides.", "该拒收说明的来源无权拒收，须由技师处理。");
    public static readonly IngestReason StudyOnHold = new("study-on-hold", "The study is on hold; what would change what is shown of it waits for a technician.", "该检查处于保全状态；会改变其现有内容的数据须由技师处理。");
    public static readonly IngestReason WrongStudy = new("wrong-study", "The instance belongs to another study than the one named by the request.", "该实例不属于请求所指定的检查。");
    public static readonly IngestReason SizeMismatch = new("size-mismatch", "The file does not have the size that the manifest names.", "文件大小与上传清单不符。");
    public static readonly IngestReason DigestMismatch = new("digest-mismatch", "The file does not have the SHA-256 that the manifest names.", "文件的 SHA-256 与上传清单不符。");
    public static readonly IngestReason RecordLost = new("record-lost", "Why this was held was lost with a database; a technician decides.", "该内容被暂存的原因已随数据库丢失，须由技师处理。");
    public static readonly IngestReason StorageFull = new("storage-full", "There is no room to store the file.", "存储空间不足，无法保存该文件。");
}
