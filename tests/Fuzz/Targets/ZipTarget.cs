using System.IO.Compression;
using System.Text;
using Skylight.Core.Ingest.Containers;

namespace Skylight.Fuzz.Targets;

/// <summary>ZIP archives as ingest opens them: a refusal, or entries whose bytes are bounded by what they are read with.</summary>
public sealed class ZipTarget : FuzzTarget
{
    private const int MaxEntries = 50;

    public override string Name => "zip";

    public override IReadOnlyList<byte[]> Seeds { get; } = [Zip(CompressionLevel.NoCompression), Zip(CompressionLevel.Optimal), Empty()];

    public override IReadOnlyList<byte[]> Tokens { get; } = [[0x50, 0x4B, 1, 2], [0x50, 0x4B, 3, 4], [0x50, 0x4B, 5, 6], [0x50, 0x4B, 6, 6], [0x50, 0x4B, 6, 7], [1, 0, 28, 0], [0xFF, 0xFF, 0xFF, 0xFF]];

    public override bool Expects(Exception error) => EntryStream.IsDamage(error);

    public override long AllocationBudget(int length) => (4 << 20) + (2000L * length);

    public override long Run(byte[] input, Random random)
    {
        using var file = new MemoryStream(input);
        var (directory, refusal) = ZipDirectory.OpenAsync(file, MaxEntries, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        if (directory is null) return Behaviour.Add(Behaviour.Start, refusal!.Code);
        using var archive = ZipArchive.CreateAsync(directory, ZipArchiveMode.Read, leaveOpen: true, ZipNames.Instance, CancellationToken.None).GetAwaiter().GetResult();
        FuzzFailure.Unless(archive.Entries.Count <= MaxEntries, "more entries than allowed");
        var digest = Behaviour.Magnitude(Behaviour.Start, archive.Entries.Count);
        var buffer = new byte[4096];
        foreach (var entry in archive.Entries)
        {
            using var content = entry.OpenAsync(CancellationToken.None).GetAwaiter().GetResult();
            var left = 1 << 20;
            for (int n; left > 0 && (n = content.ReadAsync(buffer, CancellationToken.None).AsTask().GetAwaiter().GetResult()) > 0; left -= n) digest = Behaviour.Magnitude(digest, n);
        }

        return digest;
    }

    private static byte[] Zip(CompressionLevel level)
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true, Encoding.UTF8))
        {
            foreach (var name in (string[])["DICOMDIR", "A/1.dcm", "图像/2.dcm"])
            {
                using var entry = zip.CreateEntry(name, level).Open();
                entry.Write(DicomSeeds.Files[1].AsSpan(0, 300));
            }
        }

        return bytes.ToArray();
    }

    private static byte[] Empty() => [0x50, 0x4B, 5, 6, .. new byte[18]];
}
