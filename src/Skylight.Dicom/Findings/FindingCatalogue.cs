using System.Collections.Frozen;

namespace Skylight.Dicom;

/// <summary>Codes of what readers, the inspector and validation report.</summary>
public static class FindingCodes
{
    public const string MissingPreamble = "missing-preamble";
    public const string MissingMeta = "missing-meta";
    public const string MetaIncomplete = "meta-incomplete";
    public const string MetaGroupLength = "meta-group-length";
    public const string MetaMismatch = "meta-mismatch";
    public const string PreambleContent = "preamble-content";
    public const string UnknownSyntax = "unknown-syntax";
    public const string SyntaxMismatch = "syntax-mismatch";
    public const string ZlibHeader = "zlib-header";
    public const string VrInvalid = "vr-invalid";
    public const string OddLength = "odd-length";
    public const string LengthBeyondParent = "length-beyond-parent";
    public const string StrayDelimiter = "stray-delimiter";
    public const string MissingDelimiter = "missing-delimiter";
    public const string DamagedSequence = "damaged-sequence";
    public const string TagOrder = "tag-order";
    public const string DuplicateTag = "duplicate-tag";
    public const string TrailingBytes = "trailing-bytes";
    public const string Truncated = "truncated";
    public const string MissingIdentity = "missing-identity";
    public const string MissingPatientId = "missing-patient-id";
    public const string UidMalformed = "uid-malformed";
    public const string CharsetUnknown = "charset-unknown";
    public const string CharsetWrong = "charset-wrong";
    public const string TextUndecodable = "text-undecodable";
    public const string PixelLength = "pixel-length";
    public const string FramesUncertain = "frames-uncertain";
    public const string OffsetTable = "offset-table";
    public const string TooManyFindings = "too-many-findings";
    public const string VrNotAllowed = "vr-not-allowed";
    public const string VmNotAllowed = "vm-not-allowed";
    public const string ValueTooLong = "value-too-long";
    public const string ValueSize = "value-size";
    public const string ValueFormat = "value-format";
    public const string UnknownElement = "unknown-element";
    public const string RetiredElement = "retired-element";
    public const string PrivateCreatorMissing = "private-creator-missing";
    public const string GroupLengthPresent = "group-length-present";
    public const string AttributeMissing = "attribute-missing";
    public const string AttributeEmpty = "attribute-empty";
    public const string AttributeConditional = "attribute-conditional";
    public const string SopClassUnknown = "sop-class-unknown";
    public const string ModalityMismatch = "modality-mismatch";
    public const string BitsInconsistent = "bits-inconsistent";
    public const string SamplesInconsistent = "samples-inconsistent";
    public const string ImageSize = "image-size";
    public const string Spacing = "spacing";
    public const string Orientation = "orientation";
    public const string FramesInconsistent = "frames-inconsistent";
    public const string RescaleSlope = "rescale-slope";
    public const string WindowWidth = "window-width";
    public const string LossyFlag = "lossy-flag";
    public const string ValueNotEnumerated = "value-not-enumerated";
    public const string TermNotDefined = "term-not-defined";
    public const string FunctionalGroupMissing = "functional-group-missing";
    public const string FunctionalGroupMisplaced = "functional-group-misplaced";
    public const string DimensionIndex = "dimension-index";
    public const string ContentItem = "content-item";
    public const string ContentRelationship = "content-relationship";
    public const string ReferenceUnknown = "reference-unknown";
    public const string EvidenceMissing = "evidence-missing";
    public const string TemplateShape = "template-shape";
    public const string SegmentInconsistent = "segment-inconsistent";
    public const string CountInconsistent = "count-inconsistent";
    public const string WaveformLength = "waveform-length";
    public const string DocumentContent = "document-content";
}

/// <summary>Severity, clause and texts of every finding.</summary>
public static partial class FindingCatalogue
{
    private static readonly FrozenDictionary<string, FindingKind> s_kinds = Reader().Concat(Validation()).ToFrozenDictionary(k => k.Code, StringComparer.Ordinal);

    public static IReadOnlyCollection<FindingKind> All => s_kinds.Values;

    /// <summary>A code that is not in the catalogue (from a newer version's record) is a warning without a clause.</summary>
    public static FindingKind Of(string code) => s_kinds.GetValueOrDefault(code) ?? new FindingKind(code, FindingSeverity.Warning, "", code, code);

    private static IEnumerable<FindingKind> Reader() =>
    [
        new(FindingCodes.MissingPreamble, FindingSeverity.Warning, "PS3.10 7.1", "The 128-byte preamble is missing.", "缺少 128 字节的文件前导。"),
        new(FindingCodes.MissingMeta, FindingSeverity.Warning, "PS3.10 7.1", "There is no File Meta Information; the transfer syntax was guessed.", "缺少文件元信息，传输语法由内容推断。"),
        new(FindingCodes.MetaIncomplete, FindingSeverity.Warning, "PS3.10 7.1", "The File Meta Information lacks a required element.", "文件元信息缺少必需的元素。"),
        new(FindingCodes.MetaGroupLength, FindingSeverity.Warning, "PS3.10 7.1", "The group length of the File Meta Information is missing or wrong.", "文件元信息的组长度缺失或不正确。"),
        new(FindingCodes.MetaMismatch, FindingSeverity.Warning, "PS3.10 7.1", "The File Meta Information names another SOP class or instance than the dataset.", "文件元信息与数据集的 SOP 类或实例不一致。"),
        new(FindingCodes.PreambleContent, FindingSeverity.Info, "PS3.10 7.1", "The preamble is neither zero nor a TIFF header.", "文件前导既非全零，也不是 TIFF 头。"),
        new(FindingCodes.UnknownSyntax, FindingSeverity.Warning, "PS3.5 10.1", "The transfer syntax is not of the standard; it was read as Explicit VR Little Endian.", "传输语法不在标准中，按显式 VR 小端读取。"),
        new(FindingCodes.SyntaxMismatch, FindingSeverity.Warning, "PS3.10 7.1", "The dataset is not written in the transfer syntax that the file declares.", "数据集的实际编码与声明的传输语法不符。"),
        new(FindingCodes.ZlibHeader, FindingSeverity.Warning, "PS3.5 A.5", "The deflated dataset carries a zlib header.", "压缩数据集带有 zlib 头。"),
        new(FindingCodes.VrInvalid, FindingSeverity.Warning, "PS3.5 7.1.2", "An element has no valid value representation; the dictionary's was taken.", "元素的值表示无效，已采用字典中的值表示。"),
        new(FindingCodes.OddLength, FindingSeverity.Warning, "PS3.5 7.1.1", "A value has an odd length.", "元素值的长度为奇数。"),
        new(FindingCodes.LengthBeyondParent, FindingSeverity.Warning, "PS3.5 7.5", "An element reaches beyond the end of its item or sequence.", "元素超出其所在条目或序列的末尾。"),
        new(FindingCodes.StrayDelimiter, FindingSeverity.Warning, "PS3.5 7.5", "A delimiter stands where none belongs.", "出现多余的分隔符。"),
        new(FindingCodes.MissingDelimiter, FindingSeverity.Warning, "PS3.5 7.5", "An item, sequence or run of fragments is not closed.", "条目、序列或片段未正常结束。"),
        new(FindingCodes.DamagedSequence, FindingSeverity.Error, "PS3.5 7.5", "The content of a sequence is damaged and was passed over.", "序列内容损坏，已跳过。"),
        new(FindingCodes.TagOrder, FindingSeverity.Warning, "PS3.5 7.1", "Elements are not in ascending order.", "元素未按标签升序排列。"),
        new(FindingCodes.DuplicateTag, FindingSeverity.Warning, "PS3.5 7.1", "An element occurs twice; the last one counts.", "元素重复出现，以最后一个为准。"),
        new(FindingCodes.TrailingBytes, FindingSeverity.Info, "PS3.10 7.2", "Bytes follow the end of the dataset.", "数据集之后还有多余的字节。"),
        new(FindingCodes.Truncated, FindingSeverity.Error, "PS3.5 7.1", "The file ends too early.", "文件不完整，提前结束。"),
        new(FindingCodes.MissingIdentity, FindingSeverity.Error, "PS3.3 C.12.1", "A UID that identifies the study, series or instance is missing.", "缺少标识检查、序列或实例的 UID。"),
        new(FindingCodes.MissingPatientId, FindingSeverity.Warning, "PS3.3 C.7.1.1", "The patient ID is empty.", "患者标识为空。"),
        new(FindingCodes.UidMalformed, FindingSeverity.Warning, "PS3.5 9.1", "A UID is not well formed.", "UID 格式不正确。"),
        new(FindingCodes.CharsetUnknown, FindingSeverity.Warning, "PS3.3 C.12.1.1.2", "The specific character set is not a defined term.", "字符集不是标准定义的术语。"),
        new(FindingCodes.CharsetWrong, FindingSeverity.Warning, "PS3.3 C.12.1.1.2", "The text is not in the declared character set; another reading is proposed.", "文本与声明的字符集不符，已给出建议的读法。"),
        new(FindingCodes.TextUndecodable, FindingSeverity.Warning, "PS3.5 6.1", "Some bytes of a text are not valid in its character set.", "部分文本字节在其字符集中无效。"),
        new(FindingCodes.PixelLength, FindingSeverity.Error, "PS3.3 C.7.6.3", "The pixel data's length does not agree with rows, columns, samples, bits and frames.", "像素数据长度与行列、采样、位数和帧数不符。"),
        new(FindingCodes.FramesUncertain, FindingSeverity.Warning, "PS3.5 A.4", "The fragments cannot be assigned to frames.", "无法将片段与帧对应。"),
        new(FindingCodes.OffsetTable, FindingSeverity.Warning, "PS3.5 A.4", "The offset table does not point at fragments.", "偏移表未指向片段起始位置。"),
        new(FindingCodes.TooManyFindings, FindingSeverity.Info, "", "Further findings were left out.", "其余问题未列出。"),
    ];
}
