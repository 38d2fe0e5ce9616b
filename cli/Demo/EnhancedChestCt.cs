using Skylight.Dicom;

namespace Skylight.Cli.Demo;

/// <summary>A chest CT as one Enhanced CT instance of 48 frames (PS3.3 §A.38).</summary>
internal sealed class EnhancedChestCt(ulong seed, double scale) : DemoStudy
{
    private const string EnhancedCtImage = "1.2.840.10008.5.1.4.1.1.2.1";
    private const float FieldOfView = 400;

    private static readonly string[] FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"];

    private readonly DemoUids _uids = new(seed);

    public override string Name => "enhanced-ct";

    public override IEnumerable<DemoFile> Files() => [new DemoFile("I0001.dcm", Image)];

    private DicomDataset Image()
    {
        var series = new DemoSeries(DemoPerson.ChenJing, _uids.Of("ect"), _uids.Of("ect/1"), "20260325", "161220", "161405", "DEMO2603250019", "Chest CT low dose",
            "CT", 1, "Chest LD 3.0 volume", "CHEST", _uids.Of("ect/frame"), "Phantom CT");
        var size = Math.Max(32, (int)Math.Round(256 * scale));
        var frames = Math.Max(2, (int)Math.Round(48 * scale));
        var spacing = FieldOfView / size;
        var distance = 144f / frames;
        var organization = _uids.Of("ect/dimensions");
        var dataset = DemoDataset.Create(series, EnhancedCtImage, _uids.Of("ect/1/1"), 1);
        // Described for each frame, by codes.
        dataset.Remove(DicomTags.BodyPartExamined);
        return dataset
            .Set(DicomTags.ImageType, FrameType)
            .Set(DicomTags.AcquisitionDateTime, series.StudyDate + series.SeriesTime + "+0800")
            .Set(DicomTags.AcquisitionDuration, frames * 50)
            .Set(DicomTags.PatientPosition, "HFS")
            .Set(DicomTags.SynchronizationTrigger, "NO TRIGGER")
            .Set(DicomTags.AcquisitionTimeSynchronized, "N")
            .Set(DicomTags.SynchronizationFrameOfReferenceUID, _uids.Of("ect/clock"))
            .Set(DicomTags.ContentQualification, "PRODUCT")
            .Set(DicomTags.PixelPresentation, "MONOCHROME")
            .Set(DicomTags.VolumetricProperties, "VOLUME")
            .Set(DicomTags.VolumeBasedCalculationTechnique, "NONE")
            .Set(DicomTags.MultienergyCTAcquisition, "NO")
            .Set(DicomTags.AcquisitionNumber, 1)
            .Set(DicomTags.BurnedInAnnotation, "NO")
            .Set(DicomTags.LossyImageCompression, "00")
            .Set(DicomTags.PresentationLUTShape, "IDENTITY")
            .Set(DicomTags.AcquisitionContextSequence, Array.Empty<DicomDataset>())
            .Set(DicomTags.DimensionOrganizationSequence, new DicomDataset().Set(DicomTags.DimensionOrganizationUID, organization))
            .Set(DicomTags.DimensionOrganizationType, "3D")
            .Set(DicomTags.DimensionIndexSequence,
                Dimension(organization, DicomTags.StackID, "Stack"),
                Dimension(organization, DicomTags.InStackPositionNumber, "Position in stack"))
            .Set(DicomTags.NumberOfFrames, frames)
            .Set(DicomTags.SharedFunctionalGroupsSequence, Shared(spacing, distance))
            .Set(DicomTags.PerFrameFunctionalGroupsSequence, [.. Enumerable.Range(1, frames).Select(frame => PerFrame(series, frame, spacing, distance))])
            .SetPixels(size, size, 12, Pixels(size, frames, spacing, distance));
    }

    private byte[] Pixels(int size, int frames, float spacing, float distance)
    {
        var solids = ChestAnatomy.Build(new SeededNoise(seed), 0, couch: true);
        var noise = new SeededNoise(seed ^ 0x300).Tile(256, 1);
        var pixels = new byte[size * size * 2 * frames];
        Parallel.For(0, frames, frame =>
        {
            var raster = new Raster(size, size, spacing, spacing);
            raster.Paint(solids, Height(frame + 1, distance), -1000);
            DemoPixels.Words(raster, noise, 256, frame * 7919, _ => 28, 1024, 4095).CopyTo(pixels, frame * size * size * 2);
        });
        return pixels;
    }

    private static float Height(int frame, float distance) => 90 - ((frame - 1) * distance);

    private static DicomDataset Dimension(string organization, DicomTag pointer, string label) => new DicomDataset()
        .Set(DicomTags.DimensionOrganizationUID, organization)
        .Set(new DicomElement(DicomTags.DimensionIndexPointer, Vr.AT, Tag(pointer)))
        .Set(new DicomElement(DicomTags.FunctionalGroupPointer, Vr.AT, Tag(DicomTags.FrameContentSequence)))
        .Set(DicomTags.DimensionDescriptionLabel, label);

    private static byte[] Tag(DicomTag tag) => [(byte)tag.Group, (byte)(tag.Group >> 8), (byte)tag.Element, (byte)(tag.Element >> 8)];

    private DicomDataset Shared(float spacing, float distance) => new DicomDataset()
        .Set(DicomTags.IrradiationEventIdentificationSequence, new DicomDataset().Set(DicomTags.IrradiationEventUID, _uids.Of("ect/irradiation")))
        .Set(DicomTags.PixelMeasuresSequence, new DicomDataset()
            .Set(DicomTags.SliceThickness, DemoDataset.Mm(distance))
            .Set(DicomTags.SpacingBetweenSlices, DemoDataset.Mm(distance))
            .Set(DicomTags.PixelSpacing, DemoDataset.Mm(spacing), DemoDataset.Mm(spacing)))
        .Set(DicomTags.PlaneOrientationSequence, new DicomDataset().Set(DicomTags.ImageOrientationPatient, 1, 0, 0, 0, 1, 0))
        .Set(DicomTags.FrameAnatomySequence, new DicomDataset()
            .Set(DicomTags.FrameLaterality, "U")
            .Set(DicomTags.AnatomicRegionSequence, new DicomDataset()
                .Set(DicomTags.CodeValue, "51185008")
                .Set(DicomTags.CodingSchemeDesignator, "SCT")
                .Set(DicomTags.CodeMeaning, "Chest")))
        .Set(DicomTags.FrameVOILUTSequence, new DicomDataset().Set(DicomTags.WindowCenter, -600).Set(DicomTags.WindowWidth, 1500))
        .Set(DicomTags.PixelValueTransformationSequence, new DicomDataset()
            .Set(DicomTags.RescaleIntercept, -1024).Set(DicomTags.RescaleSlope, 1).Set(DicomTags.RescaleType, "HU"))
        .Set(DicomTags.CTImageFrameTypeSequence, new DicomDataset()
            .Set(DicomTags.FrameType, FrameType)
            .Set(DicomTags.PixelPresentation, "MONOCHROME")
            .Set(DicomTags.VolumetricProperties, "VOLUME")
            .Set(DicomTags.VolumeBasedCalculationTechnique, "NONE"))
        .Set(DicomTags.CTAcquisitionTypeSequence, new DicomDataset()
            .Set(DicomTags.AcquisitionType, "SPIRAL").Set(DicomTags.ConstantVolumeFlag, "NO").Set(DicomTags.FluoroscopyFlag, "NO"))
        .Set(DicomTags.CTAcquisitionDetailsSequence, new DicomDataset()
            .Set(DicomTags.RotationDirection, "CW").Set(DicomTags.RevolutionTime, 0.5).Set(DicomTags.SingleCollimationWidth, 0.6)
            .Set(DicomTags.TotalCollimationWidth, 38.4).Set(DicomTags.TableHeight, 156).Set(DicomTags.GantryDetectorTilt, 0).Set(DicomTags.DataCollectionDiameter, 500))
        .Set(DicomTags.CTTableDynamicsSequence, new DicomDataset()
            .Set(DicomTags.TableSpeed, 76.8).Set(DicomTags.TableFeedPerRotation, 38.4).Set(DicomTags.SpiralPitchFactor, 1))
        .Set(DicomTags.CTGeometrySequence, new DicomDataset()
            .Set(DicomTags.DistanceSourceToDetector, 1085.6).Set(DicomTags.DistanceSourceToDataCollectionCenter, 595))
        .Set(DicomTags.CTReconstructionSequence, new DicomDataset()
            .Set(DicomTags.ReconstructionAlgorithm, "FILTER_BACK_PROJ").Set(DicomTags.ConvolutionKernel, "B50f").Set(DicomTags.ConvolutionKernelGroup, "LUNG")
            .Set(DicomTags.ReconstructionDiameter, FieldOfView).Set(DicomTags.ReconstructionPixelSpacing, spacing, spacing).Set(DicomTags.ReconstructionAngle, 360)
            .Set(DicomTags.ImageFilter, "NONE"))
        .Set(DicomTags.CTExposureSequence, new DicomDataset()
            .Set(DicomTags.ExposureTimeInms, 500).Set(DicomTags.XRayTubeCurrentInmA, 40).Set(DicomTags.ExposureInmAs, 20).Set(DicomTags.ExposureModulationType, "NONE")
            .Set(DicomTags.CTDIvol, 1.4)
            .Set(DicomTags.CTDIPhantomTypeCodeSequence, new DicomDataset()
                .Set(DicomTags.CodeValue, "113691").Set(DicomTags.CodingSchemeDesignator, "DCM").Set(DicomTags.CodeMeaning, "IEC Body Dosimetry Phantom")))
        .Set(DicomTags.CTXRayDetailsSequence, new DicomDataset()
            .Set(DicomTags.KVP, 120).Set(DicomTags.FocalSpots, 1.2).Set(DicomTags.FilterType, "FLAT").Set(DicomTags.FilterMaterial, "ALUMINUM")
            .Set(DicomTags.CalciumScoringMassFactorDevice, 0.8, 0.8, 0.8));

    private static DicomDataset PerFrame(DemoSeries series, int frame, float spacing, float distance)
    {
        var first = DemoDataset.Mm((-FieldOfView / 2) + (spacing / 2));
        var time = series.StudyDate + DemoDataset.Later(series.SeriesTime, frame * 0.05) + "+0800";
        return new DicomDataset()
            .Set(DicomTags.FrameContentSequence, new DicomDataset()
                .Set(DicomTags.FrameAcquisitionNumber, 1)
                .Set(DicomTags.FrameReferenceDateTime, time)
                .Set(DicomTags.FrameAcquisitionDateTime, time)
                .Set(DicomTags.FrameAcquisitionDuration, 500)
                .Set(DicomTags.StackID, "1")
                .Set(DicomTags.InStackPositionNumber, frame)
                .Set(DicomTags.DimensionIndexValues, 1, frame))
            .Set(DicomTags.PlanePositionSequence, new DicomDataset()
                .Set(DicomTags.ImagePositionPatient, first, first, DemoDataset.Mm(Height(frame, distance))))
            .Set(DicomTags.CTPositionSequence, new DicomDataset()
                .Set(DicomTags.TablePosition, Height(frame, distance))
                .Set(DicomTags.ReconstructionTargetCenterPatient, 0, 0, Height(frame, distance))
                .Set(DicomTags.DataCollectionCenterPatient, 0, 0, Height(frame, distance)));
    }
}
