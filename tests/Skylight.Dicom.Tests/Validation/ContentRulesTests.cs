namespace Skylight.Dicom.Tests.Validation;

/// <summary>What instances hold beside attributes: frames, trees, segments, structures, waveforms, documents.</summary>
public sealed class ContentRulesTests
{
    private static readonly DicomDataset s_code = Code("1", "DCM");

    [Fact]
    public void Validate_EnhancedCt_WithEveryGroup_HasNoGroupFindings() => Assert.Empty(Of(Enhanced(), "functional-group-missing", "functional-group-misplaced", "dimension-index", "frames-inconsistent"));

    [Fact]
    public void Validate_EnhancedCt_MacroInOneFrameOnly_IsMissing()
    {
        var d = Enhanced();
        d.GetItems(DicomTags.SharedFunctionalGroupsSequence)[0].Remove(DicomTags.PixelMeasuresSequence);
        d.GetItems(DicomTags.PerFrameFunctionalGroupsSequence)[0].Set(DicomTags.PixelMeasuresSequence, new DicomDataset());
        Assert.Equal("(5200,9230)[2].(0028,9110)", Assert.Single(Of(d, "functional-group-missing")).Path);
    }

    [Fact]
    public void Validate_EnhancedCt_MacroSharedAndPerFrame_IsMisplaced()
    {
        var d = Enhanced();
        d.GetItems(DicomTags.PerFrameFunctionalGroupsSequence)[1].Set(DicomTags.PixelMeasuresSequence, new DicomDataset());
        Assert.Equal("(5200,9230)[2].(0028,9110)", Assert.Single(Of(d, "functional-group-misplaced")).Path);
    }

    [Fact]
    public void Validate_EnhancedCt_FrameContentShared_IsMisplaced()
    {
        var d = Enhanced();
        d.GetItems(DicomTags.SharedFunctionalGroupsSequence)[0].Set(DicomTags.FrameContentSequence, new DicomDataset());
        Assert.NotEmpty(Of(d, "functional-group-misplaced"));
    }

    [Fact]
    public void Validate_EnhancedCt_IndexValuesOfAnotherNumber_AreFound()
    {
        var d = Enhanced();
        d.GetItems(DicomTags.PerFrameFunctionalGroupsSequence)[1].GetItems(DicomTags.FrameContentSequence)[0].Set(DicomTags.DimensionIndexValues, 1, 2);
        Assert.Equal("(5200,9230)[2].(0020,9111)[1].(0020,9157)", Assert.Single(Of(d, "dimension-index")).Path);
    }

    [Fact]
    public void Validate_EnhancedCt_ItemsAndFramesDiffer_IsFound() => Assert.NotEmpty(Of(Enhanced().Set(DicomTags.NumberOfFrames, 3), "frames-inconsistent"));

    [Fact]
    public void Validate_Report_WithSoundTree_HasNoContentFindings() => Assert.Empty(Of(Report(), "content-item", "content-relationship", "reference-unknown", "evidence-missing", "template-shape"));

    public static TheoryData<string, Action<DicomDataset>> BadTrees => new()
    {
        { "content-item", d => Child(d, 0).Remove(DicomTags.TextValue) },
        { "content-item", d => Child(d, 0).Remove(DicomTags.ConceptNameCodeSequence) },
        { "content-item", d => Child(d, 1).Remove(DicomTags.MeasuredValueSequence) },
        { "content-item", d => Child(d, 2).Remove(DicomTags.ReferencedSOPSequence) },
        { "content-item", d => d.Set(DicomTags.ValueType, "TEXT") },
        { "content-relationship", d => Child(d, 0).Set(DicomTags.ContentSequence, Item("TEXT", "CONTAINS")) },
        { "content-relationship", d => Child(d, 0).Set(DicomTags.ValueType, "SCOORD3D") },
        { "reference-unknown", d => Child(d, 1).Set(DicomTags.ContentSequence, new DicomDataset().Set(DicomTags.RelationshipType, "INFERRED FROM").Set(DicomTags.ReferencedContentItemIdentifier, 1, 9)) },
        { "evidence-missing", d => Child(d, 2).GetItems(DicomTags.ReferencedSOPSequence)[0].Set(DicomTags.ReferencedSOPInstanceUID, "2.25.999") },
        { "value-not-enumerated", d => Child(d, 0).Set(DicomTags.RelationshipType, "BELONGS TO") },
        { "template-shape", d => d.Set(DicomTags.ContentTemplateSequence, new DicomDataset().Set(DicomTags.TemplateIdentifier, "1500")) },
    };

    [Theory]
    [MemberData(nameof(BadTrees))]
    public void Validate_Report_FaultInItsTree_IsFound(string code, Action<DicomDataset> fault)
    {
        var d = Report();
        fault(d);
        Assert.NotEmpty(Of(d, code));
    }

    [Fact]
    public void Validate_Report_GoodReference_IsNoFinding()
    {
        var d = Report();
        Child(d, 1).Set(DicomTags.ContentSequence, new DicomDataset().Set(DicomTags.RelationshipType, "INFERRED FROM").Set(DicomTags.ReferencedContentItemIdentifier, 1, 3));
        Assert.Empty(Of(d, "reference-unknown"));
    }

    [Theory]
    [InlineData("POINT", 2, true)]
    [InlineData("POINT", 4, false)]
    [InlineData("CIRCLE", 4, true)]
    [InlineData("ELLIPSE", 8, true)]
    [InlineData("ELLIPSE", 6, false)]
    [InlineData("POLYLINE", 5, false)]
    public void Validate_SpatialCoordinates_HaveTheNumbersOfTheirType(string type, int numbers, bool good)
    {
        var d = Report();
        Child(d, 1).Set(DicomTags.ContentSequence, Item("SCOORD", "INFERRED FROM").Set(DicomTags.GraphicType, type).Set(DicomTags.GraphicData, new double[numbers]));
        Assert.Equal(good, Of(d, "content-item").Count == 0);
    }

    [Theory]
    [InlineData("BINARY", 1, 1, true)]
    [InlineData("BINARY", 8, 1, false)]
    [InlineData("BINARY", 1, 2, false)]
    public void Validate_Segmentation_BitsAndNumbers(string type, int bits, int number, bool good)
    {
        var d = new DicomDataset().Set(DicomTags.SOPClassUID, DicomUids.SegmentationStorage).Set(DicomTags.SegmentationType, type)
            .Set(DicomTags.BitsAllocated, bits).Set(DicomTags.BitsStored, bits).Set(DicomTags.HighBit, bits - 1).Set(DicomTags.SegmentSequence, new DicomDataset().Set(DicomTags.SegmentNumber, number));
        Assert.Equal(good, Of(d, "segment-inconsistent").Count == 0);
    }

    [Fact]
    public void Validate_Segmentation_FrameOfUnknownSegment_IsFound()
    {
        var d = new DicomDataset().Set(DicomTags.SOPClassUID, DicomUids.SegmentationStorage).Set(DicomTags.SegmentationType, "BINARY").Set(DicomTags.SegmentSequence, new DicomDataset().Set(DicomTags.SegmentNumber, 1))
            .Set(DicomTags.PerFrameFunctionalGroupsSequence, new DicomDataset().Set(DicomTags.SegmentIdentificationSequence, new DicomDataset().Set(DicomTags.ReferencedSegmentNumber, 2)));
        Assert.Equal("(5200,9230)[1].(0062,000A)[1].(0062,000B)", Assert.Single(Of(d, "reference-unknown")).Path);
    }

    [Fact]
    public void Validate_StructureSet_ReferencesAndContours()
    {
        var d = new DicomDataset().Set(DicomTags.SOPClassUID, DicomUids.RTStructureSetStorage).Set(DicomTags.StructureSetROISequence, new DicomDataset().Set(DicomTags.ROINumber, 1))
            .Set(DicomTags.ROIContourSequence, new DicomDataset().Set(DicomTags.ReferencedROINumber, 7).Set(DicomTags.ContourSequence, new DicomDataset().Set(DicomTags.NumberOfContourPoints, 2).Set(DicomTags.ContourData, 1, 2, 3, 4, 5)));
        Assert.Equal("(3006,0039)[1].(3006,0084)", Assert.Single(Of(d, "reference-unknown")).Path);
        Assert.Equal("(3006,0039)[1].(3006,0040)[1].(3006,0050)", Assert.Single(Of(d, "count-inconsistent")).Path);
    }

    [Fact]
    public void Validate_Plan_BeamsOfFractionGroups()
    {
        var d = new DicomDataset().Set(DicomTags.SOPClassUID, DicomUids.RTPlanStorage).Set(DicomTags.BeamSequence, new DicomDataset().Set(DicomTags.BeamNumber, 1).Set(DicomTags.NumberOfControlPoints, 2).Set(DicomTags.ControlPointSequence, new DicomDataset()))
            .Set(DicomTags.FractionGroupSequence, new DicomDataset().Set(DicomTags.NumberOfBeams, 1).Set(DicomTags.ReferencedBeamSequence, new DicomDataset().Set(DicomTags.ReferencedBeamNumber, 3)));
        Assert.Equal("(300A,00B0)[1].(300A,0110)", Assert.Single(Of(d, "count-inconsistent")).Path);
        Assert.Single(Of(d, "reference-unknown"));
    }

    [Theory]
    [InlineData(40, 16, "SS", true)]
    [InlineData(38, 16, "SS", false)]
    [InlineData(20, 8, "SS", false)]
    public void Validate_Waveform_LengthOfItsData(int bytes, int bits, string interpretation, bool good)
    {
        var d = new DicomDataset().Set(DicomTags.SOPClassUID, DicomUids.TwelveLeadECGWaveformStorage).Set(DicomTags.WaveformSequence, new DicomDataset().Set(DicomTags.NumberOfWaveformChannels, 2)
            .Set(DicomTags.NumberOfWaveformSamples, 10).Set(DicomTags.WaveformBitsAllocated, bits).Set(DicomTags.WaveformSampleInterpretation, interpretation).Set(DicomTags.WaveformData, Vr.OW, new byte[bytes]));
        Assert.Equal(good, Of(d, "waveform-length").Count == 0);
    }

    [Fact]
    public void Validate_Pdf_ThatIsNone_IsFound()
    {
        var d = new DicomDataset().Set(DicomTags.SOPClassUID, DicomUids.EncapsulatedPDFStorage).Set(DicomTags.MIMETypeOfEncapsulatedDocument, "application/pdf").Set(DicomTags.EncapsulatedDocument, Vr.OB, "%PDF-1.7 "u8.ToArray());
        Assert.Empty(Of(d, "document-content"));
        Assert.Single(Of(d.Set(DicomTags.EncapsulatedDocument, Vr.OB, "<html>"u8.ToArray()), "document-content"));
        Assert.Equal(2, Of(d.Set(DicomTags.MIMETypeOfEncapsulatedDocument, "text/html"), "document-content").Count);
    }

    [Theory]
    [InlineData("PatientSex", "U", "value-not-enumerated")]
    [InlineData("ImageType", "RECONSTRUCTED\\PRIMARY", "value-not-enumerated")]
    [InlineData("PixelRepresentation", "2", "value-not-enumerated")]
    [InlineData("Modality", "CAT", "term-not-defined")]
    [InlineData("PhotometricInterpretation", "GREY", "term-not-defined")]
    public void Validate_ValueThatIsNoTerm_IsFoundInItsPlace(string keyword, string value, string code)
    {
        Assert.True(DicomTag.TryParse(keyword, out var tag));
        Assert.Equal(tag.ToString(), Assert.Single(Of(Samples.Ct().Set(tag, value.Split('\\')), code)).Path);
    }

    private static List<Finding> Of(DicomDataset d, params string[] codes) => [.. DicomValidator.Validate(d, null, ValidationOptions.Strict).Where(f => codes.Contains(f.Code))];

    private static DicomDataset Child(DicomDataset report, int index) => report.GetItems(DicomTags.ContentSequence)[index];

    private static DicomDataset Code(string value, string scheme) => new DicomDataset().Set(DicomTags.CodeValue, value).Set(DicomTags.CodingSchemeDesignator, scheme).Set(DicomTags.CodeMeaning, "meaning");

    private static DicomDataset Item(string type, string relationship) =>
        new DicomDataset().Set(DicomTags.RelationshipType, relationship).Set(DicomTags.ValueType, type).Set(DicomTags.ConceptNameCodeSequence, s_code.Clone()).Set(DicomTags.TextValue, "text");

    private static DicomDataset Report()
    {
        var image = new DicomDataset().Set(DicomTags.ReferencedSOPClassUID, DicomUids.CTImageStorage).Set(DicomTags.ReferencedSOPInstanceUID, "2.25.5");
        var evidence = new DicomDataset().Set(DicomTags.StudyInstanceUID, "2.25.1").Set(DicomTags.ReferencedSeriesSequence, new DicomDataset().Set(DicomTags.SeriesInstanceUID, "2.25.2").Set(DicomTags.ReferencedSOPSequence, image.Clone()));
        return new DicomDataset().Set(DicomTags.SOPClassUID, DicomUids.ComprehensiveSRStorage).Set(DicomTags.ValueType, "CONTAINER").Set(DicomTags.ContinuityOfContent, "SEPARATE").Set(DicomTags.ConceptNameCodeSequence, s_code.Clone())
            .Set(DicomTags.CurrentRequestedProcedureEvidenceSequence, evidence)
            .Set(DicomTags.ContentSequence, Item("TEXT", "CONTAINS"), Item("NUM", "CONTAINS").Set(DicomTags.MeasuredValueSequence, new DicomDataset()), Item("IMAGE", "CONTAINS").Set(DicomTags.ReferencedSOPSequence, image.Clone()));
    }

    private static DicomDataset Enhanced()
    {
        var shared = new DicomDataset();
        foreach (var tag in (DicomTag[])[DicomTags.PixelMeasuresSequence, DicomTags.PlaneOrientationSequence, DicomTags.FrameAnatomySequence, DicomTags.PixelValueTransformationSequence, DicomTags.CTImageFrameTypeSequence])
            shared.Set(tag, new DicomDataset());
        DicomDataset Frame(int i) => new DicomDataset().Set(DicomTags.FrameContentSequence, new DicomDataset().Set(DicomTags.DimensionIndexValues, i)).Set(DicomTags.PlanePositionSequence, new DicomDataset());
        return new DicomDataset().Set(DicomTags.SOPClassUID, DicomUids.EnhancedCTImageStorage).Set(DicomTags.NumberOfFrames, 2)
            .Set(DicomTags.DimensionOrganizationSequence, new DicomDataset().Set(DicomTags.DimensionOrganizationUID, "2.25.3"))
            .Set(DicomTags.DimensionIndexSequence, new DicomDataset().Set(DicomTags.DimensionOrganizationUID, "2.25.3").Set(DicomTags.DimensionIndexPointer, Vr.AT, 0x00200032))
            .Set(DicomTags.SharedFunctionalGroupsSequence, shared).Set(DicomTags.PerFrameFunctionalGroupsSequence, Frame(1), Frame(2));
    }
}
