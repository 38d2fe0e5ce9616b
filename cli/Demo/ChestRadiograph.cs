using Skylight.Dicom;

namespace Skylight.Cli.Demo;

/// <summary>A chest radiograph of 10 megapixels: the chest's attenuation added up from front to back.</summary>
internal sealed class ChestRadiograph(ulong seed, double scale) : DemoStudy
{
    private const string CrImage = "1.2.840.10008.5.1.4.1.1.1";
    private const float PixelSpacing = 0.125f;

    private readonly DemoUids _uids = new(seed);

    public override string Name => "chest-cr";

    public override IEnumerable<DemoFile> Files() => [new DemoFile("I0001.dcm", Image)];

    private DicomDataset Image()
    {
        var series = new DemoSeries(DemoPerson.MuellerJuergen, _uids.Of("cr"), _uids.Of("cr/1"), "20260320", "103012", "103112", "DEMO2603200031", "Röntgen Thorax",
            "CR", 1, "Thorax p.a.", "CHEST", null, "Phantom CR");
        int columns = Even(2880 * scale), rows = Even(3520 * scale);
        var spacing = PixelSpacing * 2880 / columns;
        var pixels = Expose(columns, rows, spacing);
        return DemoDataset.Create(series, CrImage, _uids.Of("cr/1/1"), 1)
            .Set(DicomTags.ImageType, "ORIGINAL", "PRIMARY")
            .Set(DicomTags.AcquisitionDate, series.StudyDate)
            .Set(DicomTags.AcquisitionTime, "103112")
            .Set(DicomTags.KVP, 125)
            .Set(DicomTags.DistanceSourceToDetector, 1800)
            .Set(DicomTags.ExposureTime, 8)
            .Set(DicomTags.XRayTubeCurrent, 250)
            .Set(DicomTags.Exposure, 2)
            .Set(DicomTags.ImagerPixelSpacing, DemoDataset.Mm(spacing), DemoDataset.Mm(spacing))
            .Set(DicomTags.PlateID, "DEMO")
            .Set(DicomTags.ViewPosition, "PA")
            .Set(DicomTags.AcquisitionNumber, 1)
            .Set(DicomTags.PatientOrientation, "L", "F")
            .Set(DicomTags.BurnedInAnnotation, "NO")
            .Set(DicomTags.WindowCenter, 2000)
            .Set(DicomTags.WindowWidth, 3400)
            .Set(DicomTags.PresentationLUTShape, "IDENTITY")
            .SetPixels(rows, columns, 12, pixels);
    }

    private byte[] Expose(int columns, int rows, float spacing)
    {
        // Attenuation changes little within half a millimetre: it is added up on a grid six times coarser and drawn finer, then the quanta are thrown.
        const int Coarse = 6;
        const float Depth = 240, Step = 4;
        var solids = ChestAnatomy.Build(new SeededNoise(seed), 0, couch: false);
        int width = (columns / Coarse) + 2, height = (rows / Coarse) + 2;
        var sums = new float[width * height];
        Parallel.For(0, height, () => new Raster(width, (int)(Depth / Step), spacing * Coarse, Step), (row, _, raster) =>
        {
            raster.Paint(solids, 222 - (row * spacing * Coarse), -1000);
            for (var column = 0; column < width; column++)
            {
                var sum = 0f;
                for (var y = 0; y < raster.Rows; y++) sum += MathF.Max(0, raster.Samples[(y * width) + column] + 1000);
                sums[(row * width) + column] = sum * Step / 1000;
            }
            return raster;
        }, _ => { });

        var noise = new SeededNoise(seed ^ 0x200).Tile(256, 1);
        var image = new Raster(columns, rows, spacing, spacing);
        Parallel.For(0, rows, row =>
        {
            for (var column = 0; column < columns; column++)
            {
                // Millimetres of water to a film-like curve: bright where little came through.
                var water = Between(sums, width, column / (float)Coarse, row / (float)Coarse);
                image.Samples[(row * columns) + column] = 3900 * (1 - MathF.Exp(-water / 150));
            }
        });
        return DemoPixels.Words(image, noise, 256, 0, value => 8 + (value * 0.006f), 60, 4095);
    }

    private static float Between(float[] sums, int width, float x, float y)
    {
        int column = (int)x, row = (int)y;
        float right = x - column, down = y - row;
        var i = (row * width) + column;
        return float.Lerp(float.Lerp(sums[i], sums[i + 1], right), float.Lerp(sums[i + width], sums[i + width + 1], right), down);
    }

    private static int Even(double value) => Math.Max(64, (int)(value / 8) * 8);
}
