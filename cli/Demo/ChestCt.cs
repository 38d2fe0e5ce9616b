using Skylight.Dicom;

namespace Skylight.Cli.Demo;

/// <summary>A chest CT before and after contrast medium: two series of 60 slices of 5 mm.</summary>
internal sealed class ChestCt(ulong seed, double scale) : DemoStudy
{
    private const string CtImage = "1.2.840.10008.5.1.4.1.1.2";
    private const float FieldOfView = 400;

    private readonly DemoUids _uids = new(seed);

    public override string Name => "chest-ct";

    public override IEnumerable<DemoFile> Files()
    {
        var study = _uids.Of("ct");
        var frame = _uids.Of("ct/frame");
        var plain = new DemoSeries(DemoPerson.ZhangWei, study, _uids.Of("ct/1"), "20260312", "091540", "091702", "DEMO2603120001", "胸部CT平扫+增强",
            "CT", 1, "Chest 5.0 B30f 平扫", "CHEST", frame, "Phantom CT");
        var enhanced = plain with { SeriesUid = _uids.Of("ct/2"), SeriesTime = "091955", Number = 2, Description = "Chest 5.0 B70f 动脉期" };
        return Slices(plain, 0, "B30f", 13, 2).Concat(Slices(enhanced, 230, "B70f", 26, 0));
    }

    private IEnumerable<DemoFile> Slices(DemoSeries series, float contrast, string kernel, float noiseLevel, int blur)
    {
        var solids = ChestAnatomy.Build(new SeededNoise(seed), contrast, couch: true);
        var random = new SeededNoise(seed ^ (ulong)series.Number);
        var noise = random.Tile(256, blur);
        var size = Math.Max(32, (int)Math.Round(512 * scale));
        var slices = Math.Max(2, (int)Math.Round(60 * scale));
        for (var slice = 0; slice < slices; slice++)
        {
            var number = slice + 1;
            var corner = (int)(random.Next() % (256 * 256));
            yield return new DemoFile($"S{series.Number}/I{number:D4}.dcm", () => Slice(series, solids, noise, corner, kernel, noiseLevel, contrast > 0, size, slices, number));
        }
    }

    private DicomDataset Slice(
        DemoSeries series, List<Solid> solids, float[] noise, int corner, string kernel, float noiseLevel, bool contrast, int size, int slices, int number)
    {
        var thickness = 300f / slices;
        var z = 160 - ((number - 1) * thickness);
        var spacing = FieldOfView / size;
        var raster = new Raster(size, size, spacing, spacing);
        raster.Paint(solids, z, -1000);
        // Thick parts let fewer photons through: more noise inside the body than in air.
        var pixels = DemoPixels.Words(raster, noise, 256, corner, hu => hu < -950 ? noiseLevel * 0.4f : noiseLevel, 1024, 4095);
        var first = DemoDataset.Mm((-FieldOfView / 2) + (spacing / 2));
        var time = DemoDataset.Later(series.SeriesTime, number * 0.25);
        var dataset = DemoDataset.Create(series, CtImage, _uids.Of($"ct/{series.Number}/{number}"), number)
            .Set(DicomTags.ImageType, "ORIGINAL", "PRIMARY", "AXIAL")
            .Set(DicomTags.AcquisitionDate, series.StudyDate)
            .Set(DicomTags.AcquisitionTime, time)
            .Set(DicomTags.ContentTime, time)
            .Set(DicomTags.SliceThickness, DemoDataset.Mm(thickness))
            .Set(DicomTags.KVP, 120)
            .Set(DicomTags.DataCollectionDiameter, 500)
            .Set(DicomTags.ReconstructionDiameter, FieldOfView)
            .Set(DicomTags.GantryDetectorTilt, 0)
            .Set(DicomTags.TableHeight, 156)
            .Set(DicomTags.RotationDirection, "CW")
            .Set(DicomTags.ExposureTime, 500)
            .Set(DicomTags.XRayTubeCurrent, 220)
            .Set(DicomTags.Exposure, 110)
            .Set(DicomTags.FilterType, "BODY")
            .Set(DicomTags.ConvolutionKernel, kernel)
            .Set(DicomTags.PatientPosition, "HFS")
            .Set(DicomTags.AcquisitionNumber, series.Number)
            .Set(DicomTags.ImagePositionPatient, first, first, DemoDataset.Mm(z))
            .Set(DicomTags.ImageOrientationPatient, 1, 0, 0, 0, 1, 0)
            .Set(DicomTags.SliceLocation, DemoDataset.Mm(z))
            .Set(DicomTags.PixelSpacing, DemoDataset.Mm(spacing), DemoDataset.Mm(spacing))
            .Set(DicomTags.WindowCenter, 40, -600)
            .Set(DicomTags.WindowWidth, 400, 1500)
            .Set(DicomTags.WindowCenterWidthExplanation, "MEDIASTINUM", "LUNG")
            .Set(DicomTags.RescaleIntercept, -1024)
            .Set(DicomTags.RescaleSlope, 1)
            .Set(DicomTags.RescaleType, "HU");
        if (contrast) dataset.Set(DicomTags.ContrastBolusAgent, "Iohexol 350").Set(DicomTags.ContrastBolusRoute, "IV").Set(DicomTags.ContrastBolusVolume, 80);
        return dataset.SetPixels(size, size, 12, pixels);
    }
}
