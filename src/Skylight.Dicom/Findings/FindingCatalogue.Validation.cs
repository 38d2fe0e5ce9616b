namespace Skylight.Dicom;

/// <summary>What validation reports beyond the reader's findings.</summary>
public static partial class FindingCatalogue
{
    private static IEnumerable<FindingKind> Validation() =>
    [
        new(FindingCodes.VrNotAllowed, FindingSeverity.Warning, "PS3.6 6", "The element has another value representation than the dictionary allows.", "元素的值表示与数据字典不符。"),
        new(FindingCodes.VmNotAllowed, FindingSeverity.Warning, "PS3.6 6", "The element has more or fewer values than the dictionary allows.", "元素的值个数与数据字典不符。"),
        new(FindingCodes.ValueTooLong, FindingSeverity.Warning, "PS3.5 6.2", "A value is longer than its representation allows.", "值超出其值表示允许的长度。"),
        new(FindingCodes.ValueSize, FindingSeverity.Error, "PS3.5 6.2", "The value's length is not a multiple of its number size.", "值的长度不是数值单位的整数倍。"),
        new(FindingCodes.ValueFormat, FindingSeverity.Warning, "PS3.5 6.2", "A value does not have the form of its representation.", "值的格式不符合其值表示。"),
        new(FindingCodes.UnknownElement, FindingSeverity.Info, "PS3.6 6", "An element of a public group is not in the dictionary.", "公有组中的元素不在数据字典中。"),
        new(FindingCodes.RetiredElement, FindingSeverity.Info, "PS3.6 6", "The element is retired.", "该元素已废止。"),
        new(FindingCodes.PrivateCreatorMissing, FindingSeverity.Warning, "PS3.5 7.8.1", "A private element has no private creator.", "私有元素缺少私有创建者。"),
        new(FindingCodes.GroupLengthPresent, FindingSeverity.Info, "PS3.5 7.2", "A group length outside groups 0000 and 0002 is retired.", "0000 与 0002 组以外的组长度已废止。"),
        new(FindingCodes.AttributeMissing, FindingSeverity.Error, "PS3.5 7.4", "A required attribute is missing.", "缺少必需的属性。"),
        new(FindingCodes.AttributeEmpty, FindingSeverity.Error, "PS3.5 7.4", "A required attribute has no value.", "必需的属性没有值。"),
        new(FindingCodes.AttributeConditional, FindingSeverity.Error, "PS3.5 7.4", "An attribute that is required under the given circumstances is missing.", "在当前条件下必需的属性缺失。"),
        new(FindingCodes.SopClassUnknown, FindingSeverity.Info, "PS3.4 B.5", "The SOP class is private or not known; only its elements were checked.", "SOP 类为私有或未知，仅检查了各元素。"),
        new(FindingCodes.ModalityMismatch, FindingSeverity.Warning, "PS3.3 C.7.3.1.1.1", "The modality does not fit the SOP class.", "设备类型与 SOP 类不符。"),
        new(FindingCodes.BitsInconsistent, FindingSeverity.Error, "PS3.5 8.1.1", "Bits allocated, bits stored and high bit contradict each other.", "分配位数、存储位数与最高位相互矛盾。"),
        new(FindingCodes.SamplesInconsistent, FindingSeverity.Error, "PS3.3 C.7.6.3.1.2", "Samples per pixel do not fit the photometric interpretation.", "每像素采样数与光度解释不符。"),
        new(FindingCodes.ImageSize, FindingSeverity.Error, "PS3.3 C.7.6.3", "Rows or columns are zero.", "行数或列数为零。"),
        new(FindingCodes.Spacing, FindingSeverity.Error, "PS3.3 10.7.1.3", "The pixel spacing is not positive.", "像素间距不是正数。"),
        new(FindingCodes.Orientation, FindingSeverity.Error, "PS3.3 C.7.6.2.1.1", "The image orientation is not made of two orthogonal unit vectors.", "图像方向不是两个正交的单位向量。"),
        new(FindingCodes.FramesInconsistent, FindingSeverity.Error, "PS3.3 C.7.6.16", "The number of frames and of per-frame items differ.", "帧数与逐帧条目数不一致。"),
        new(FindingCodes.RescaleSlope, FindingSeverity.Error, "PS3.3 C.11.1", "The rescale slope is zero.", "重缩放斜率为零。"),
        new(FindingCodes.WindowWidth, FindingSeverity.Warning, "PS3.3 C.11.2.1.2", "The window width is less than 1.", "窗宽小于 1。"),
        new(FindingCodes.LossyFlag, FindingSeverity.Warning, "PS3.3 C.7.6.1.1.5", "Lossy compression is not declared although the transfer syntax is lossy.", "传输语法为有损压缩，但未声明有损。"),
        new(FindingCodes.ValueNotEnumerated, FindingSeverity.Error, "PS3.3", "The value is not one of those that the standard allows here.", "该值不在标准规定的枚举值之内。"),
        new(FindingCodes.TermNotDefined, FindingSeverity.Info, "PS3.3", "The value is not one of the standard's defined terms.", "该值不是标准定义的术语。"),
        new(FindingCodes.FunctionalGroupMissing, FindingSeverity.Error, "PS3.3 C.7.6.16", "A functional group that every frame needs is missing.", "缺少每一帧必需的功能组。"),
        new(FindingCodes.FunctionalGroupMisplaced, FindingSeverity.Error, "PS3.3 C.7.6.16.1", "A functional group stands where it must not, or both shared and per frame.", "功能组位置错误，或同时出现在共享组与逐帧组中。"),
        new(FindingCodes.DimensionIndex, FindingSeverity.Error, "PS3.3 C.7.6.17", "The dimension indexes do not agree with the dimensions.", "维度索引与维度定义不一致。"),
        new(FindingCodes.ContentItem, FindingSeverity.Error, "PS3.3 C.17.3", "A content item lacks its value or its name.", "结构化报告的内容项缺少值或概念名称。"),
        new(FindingCodes.ContentRelationship, FindingSeverity.Error, "PS3.3 A.35", "A content item or relationship is not one that the SOP class allows.", "内容项或其关系不为该 SOP 类所允许。"),
        new(FindingCodes.ReferenceUnknown, FindingSeverity.Error, "PS3.3", "A reference within the instance leads nowhere.", "实例内部的引用没有对应的目标。"),
        new(FindingCodes.EvidenceMissing, FindingSeverity.Warning, "PS3.3 C.17.2.3", "An instance that the content refers to is not among the evidence.", "内容引用的实例未列入证据序列。"),
        new(FindingCodes.TemplateShape, FindingSeverity.Warning, "PS3.16 TID 1500", "The document does not have the shape of the template it names.", "文档结构与其声明的模板不符。"),
        new(FindingCodes.SegmentInconsistent, FindingSeverity.Error, "PS3.3 C.8.20", "The segmentation's type, bits and segments contradict each other.", "分割的类型、位数与分割段相互矛盾。"),
        new(FindingCodes.CountInconsistent, FindingSeverity.Error, "PS3.3 C.8.8", "A number does not agree with what it counts.", "计数与实际内容不一致。"),
        new(FindingCodes.WaveformLength, FindingSeverity.Error, "PS3.3 C.10.9", "The waveform data do not agree with channels, samples and bits.", "波形数据与通道数、采样数和位数不符。"),
        new(FindingCodes.DocumentContent, FindingSeverity.Error, "PS3.3 C.24.2", "The encapsulated document is not what its attributes say.", "封装文档与其属性不符。"),
    ];
}
