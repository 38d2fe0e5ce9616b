using Skylight.Dicom;

namespace Skylight.Cli.Demo;

/// <summary>A head MR: T1 and T2 weighted, 24 slices of 5 mm each.</summary>
internal sealed class HeadMr(ulong seed, double scale) : DemoStudy
{
    private const string MrImage = "1.2.840.10008.5.1.4.1.1.4";
    private const float FieldOfView = 230;

    private readonly DemoUids _uids = new(seed);

    public override string Name => "head-mr";

    public override IEnumerable<DemoFile> Files()
    {
        var t1 = new DemoSeries(DemoPerson.LiNa, _uids.Of("mr"), _uids.Of("mr/1"), "20260318", "143005", "143211", "DEMO2603180007", "头颅MR平扫 MR Head",
            "MR", 1, "t1_se_tra", "HEAD", _uids.Of("mr/frame"), "Phantom MR");
        var t2 = t1 with { SeriesUid = _uids.Of("mr/2"), SeriesTime = "143640", Number = 2, Description = "t2_tse_tra" };
        return Slices(t1, MrContrast.T1, 520, 9, 1).Concat(Slices(t2, MrContrast.T2, 4200, 98, 13));
    }

    private IEnumerable<DemoFile> Slices(DemoSeries series, MrContrast contrast, double repetition, double echo, int train)
    {
        var solids = HeadAnatomy.Build(new SeededNoise(seed), contrast);
        var random = new SeededNoise(seed ^ (0x100 + (ulong)series.Number));
        var noise = random.Tile(256, 1);
        var size = Math.Max(32, (int)Math.Round(320 * scale));
        var slices = Math.Max(2, (int)Math.Round(24 * scale));
        for (var slice = 0; slice < slices; slice++)
        {
            var number = slice + 1;
            var corner = (int)(random.Next() % (256 * 256));
            yield return new DemoFile($"S{series.Number}/I{number:D4}.dcm", () => Slice(series, solids, noise, corner, repetition, echo, train, size, slices, number));
        }
    }

    private DicomDataset Slice(
        DemoSeries series, List<Solid> solids, float[] noise, int corner, double repetition, double echo, int train, int size, int slices, int number)
    {
        var gap = 144f / slices;
        var z = -62 + ((number - 1) * gap);
        var spacing = FieldOfView / size;
        var raster = new Raster(size, size, spacing, spacing);
        raster.Paint(solids, z, 4);
        // Surface coils see the rim brighter than the middle.
        for (var i = 0; i < raster.Samples.Length; i++)
        {
            float x = ((i % size) - (size / 2f)) / size, y = ((i / size) - (size / 2f)) / size;
            raster.Samples[i] *= 0.9f + (0.6f * ((x * x) + (y * y)));
        }
        var pixels = DemoPixels.Words(raster, noise, 256, corner, _ => 14, 12, 4095);
        var first = DemoDataset.Mm((-FieldOfView / 2) + (spacing / 2));
        var time = DemoDataset.Later(series.SeriesTime, number * 0.5);
        return DemoDataset.Create(series, MrImage, _uids.Of($"mr/{series.Number}/{number}"), number)
            .Set(DicomTags.ImageType, "ORIGINAL", "PRIMARY", "OTHER")
            .Set(DicomTags.AcquisitionDate, series.StudyDate)
            .Set(DicomTags.AcquisitionTime, time)
            .Set(DicomTags.ContentTime, time)
            .Set(DicomTags.ScanningSequence, "SE")
            .Set(DicomTags.SequenceVariant, train > 1 ? ["SK", "SP"] : ["SP"])
            .Set(DicomTags.ScanOptions, Array.Empty<string>())
            .Set(DicomTags.MRAcquisitionType, "2D")
            .Set(DicomTags.SliceThickness, 5)
            .Set(DicomTags.RepetitionTime, repetition)
            .Set(DicomTags.EchoTime, echo)
            .Set(DicomTags.NumberOfAverages, 1)
            .Set(DicomTags.ImagingFrequency, 123.25)
            .Set(DicomTags.ImagedNucleus, "1H")
            .Set(DicomTags.EchoNumbers, 1)
            .Set(DicomTags.MagneticFieldStrength, 3)
            .Set(DicomTags.SpacingBetweenSlices, DemoDataset.Mm(gap))
            .Set(DicomTags.EchoTrainLength, train)
            .Set(DicomTags.PercentSampling, 100)
            .Set(DicomTags.PercentPhaseFieldOfView, 100)
            .Set(DicomTags.PixelBandwidth, 190)
            .Set(DicomTags.FlipAngle, train > 1 ? 150 : 90)
            .Set(DicomTags.PatientPosition, "HFS")
            .Set(DicomTags.AcquisitionNumber, 1)
            .Set(DicomTags.ImagePositionPatient, first, first, DemoDataset.Mm(z))
            .Set(DicomTags.ImageOrientationPatient, 1, 0, 0, 0, 1, 0)
            .Set(DicomTags.SliceLocation, DemoDataset.Mm(z))
            .Set(DicomTags.PixelSpacing, DemoDataset.Mm(spacing), DemoDataset.Mm(spacing))
            .Set(DicomTags.WindowCenter, 560)
            .Set(DicomTags.WindowWidth, 1120)
            .SetPixels(size, size, 12, pixels);
    }
}
