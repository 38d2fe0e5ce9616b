using System.Collections.Concurrent;
using System.Security.Cryptography;
using Skylight.Dicom;

namespace Skylight.Torture;

/// <summary>An instance that was sent, with what must come back.</summary>
internal sealed record Sent(string Study, string Series, string Instance, byte[] Sha256)
{
    /// <summary>The host has said that it is stored.</summary>
    public bool Acknowledged { get; set; }
}

/// <summary>What has been sent to one data folder, and what of it the host has promised.</summary>
internal sealed class Ledger(int seed, int epoch)
{
    private const int InstancesPerStudy = 120;
    private int _next;
    private int _acknowledged;

    public ConcurrentDictionary<string, Sent> Instances { get; } = new(StringComparer.Ordinal);

    public int Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>The host has answered that this instance is stored.</summary>
    public void Acknowledge(string instance)
    {
        var sent = Instances[instance];
        if (sent.Acknowledged) return;
        sent.Acknowledged = true;
        Interlocked.Increment(ref _acknowledged);
    }

    public IEnumerable<string> Studies => Instances.Values.Select(sent => sent.Study).Distinct(StringComparer.Ordinal);

    /// <summary>Makes the next instance: mostly small, now and then one that is too large to travel in the journal.</summary>
    public async Task<(Sent Sent, byte[] File)> MakeAsync(Random random)
    {
        var number = Interlocked.Increment(ref _next);
        var study = $"2.999.{seed}.{epoch}.{1 + (number / InstancesPerStudy)}";
        var series = $"{study}.{1 + (number % 2)}";
        var instance = $"{series}.{number}";
        var rows = random.Next(40) switch
        {
            0 => 10_000 + random.Next(16_000),
            < 5 => 1_000 + random.Next(2_000),
            _ => 1 + random.Next(120),
        };
        var pixels = new byte[rows * 256];
        random.NextBytes(pixels);
        var dataset = new DicomDataset()
            .Set(DicomTags.SOPClassUID, "1.2.840.10008.5.1.4.1.1.7")
            .Set(DicomTags.SOPInstanceUID, instance)
            .Set(DicomTags.StudyDate, "20260301")
            .Set(DicomTags.Modality, "OT")
            .Set(DicomTags.PatientName, "Test^Torture")
            .Set(DicomTags.PatientID, $"T{epoch}")
            .Set(DicomTags.StudyInstanceUID, study)
            .Set(DicomTags.SeriesInstanceUID, series)
            .Set(DicomTags.InstanceNumber, number)
            .Set(DicomTags.SamplesPerPixel, 1)
            .Set(DicomTags.PhotometricInterpretation, "MONOCHROME2")
            .Set(DicomTags.Rows, Math.Min(rows, ushort.MaxValue))
            .Set(DicomTags.Columns, 256)
            .Set(DicomTags.BitsAllocated, 8)
            .Set(DicomTags.BitsStored, 8)
            .Set(DicomTags.HighBit, 7)
            .Set(DicomTags.PixelRepresentation, Vr.US, 0)
            .Set(DicomTags.PixelData, Vr.OW, pixels);
        using var file = new MemoryStream();
        await DicomWriter.WriteAsync(file, DicomFile.Of(dataset, TransferSyntax.ExplicitLittle), null, CancellationToken.None);
        var bytes = file.ToArray();
        var sent = new Sent(study, series, instance, SHA256.HashData(bytes));
        Instances[instance] = sent;
        return (sent, bytes);
    }
}
