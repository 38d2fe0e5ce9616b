using System.Buffers;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

/// <summary>The plaintext of a series index: refused, or readable and stable.</summary>
public sealed class SeriesIndexTarget : FuzzTarget
{
    public override string Name => "index";

    public override IReadOnlyList<byte[]> Seeds { get; } = [new SeriesIndex([]).ToBytes(), new SeriesIndex([Entry(1), Entry(2)]).ToBytes()];

    public override bool Expects(Exception error) => error is SealedObjectException;

    public override long AllocationBudget(int length) => (4 << 20) + (80_000L * length);

    public override long Run(byte[] input, Random random)
    {
        var index = SeriesIndex.Parse("fuzz", input);
        var bytes = index.ToBytes();
        FuzzFailure.Unless(SeriesIndex.Parse("fuzz", bytes).ToBytes().AsSpan().SequenceEqual(bytes), "the index does not survive its own form");
        return Behaviour.Magnitude(Behaviour.Start, index.Entries.Count);
    }

    private static IndexEntry Entry(int number) => new()
    {
        SopInstanceUid = $"2.25.{number}", SopClassUid = DicomUids.CTImageStorage, TransferSyntaxUid = DicomUids.ExplicitVRLittleEndian, Pack = new SealedReference("hospital-a/x/y.pack", 5000), Offset = 7, Length = 2000,
        FileSha256 = new byte[32], DatasetDigest = new byte[32], FrameTable = FrameTable.Native(1000, 4096, 8, 4096).ToBytes(), Revision = 1, Current = true, InstanceNumber = -number, Rows = 512, Columns = 512, Frames = 1,
    };
}

/// <summary>The plaintext of series metadata: refused, or every document of it can be copied out.</summary>
public sealed class SeriesMetadataTarget : FuzzTarget
{
    public override string Name => "metadata";

    public override IReadOnlyList<byte[]> Seeds { get; } = [Build(1), Build(5)];

    public override bool Expects(Exception error) => error is SealedObjectException;

    public override long AllocationBudget(int length) => (4 << 20) + (80_000L * length);

    public override long Run(byte[] input, Random random)
    {
        var metadata = SeriesMetadata.Parse("fuzz", input);
        var output = new ArrayBufferWriter<byte>();
        foreach (var key in metadata.Keys.Take(10).ToList()) FuzzFailure.Unless(metadata.TryWrite(key, output), "a document that is named is not there");
        return Behaviour.Magnitude(Behaviour.Magnitude(Behaviour.Start, metadata.Count), output.WrittenCount);
    }

    private static byte[] Build(int documents)
    {
        var builder = new SeriesMetadataBuilder();
        for (var i = 0; i < documents; i++) builder.Add(new MetadataKey($"2.25.{i}", 1), DicomJson.ToUtf8(DicomSeeds.Image()));
        return builder.ToBytes();
    }
}
