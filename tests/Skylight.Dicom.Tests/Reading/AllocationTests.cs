namespace Skylight.Dicom.Tests.Reading;

/// <summary>Budgets for a CT file with seventy elements; measured in bytes of this thread, so they hold on any machine.</summary>
public sealed class AllocationTests
{
    private static readonly byte[] s_file = Samples.File(Samples.Ct());
    private static readonly ReadOptions s_header = new() { StopBeforePixelData = true };

    [Fact]
    public void Append_HeaderEventsOfCt_StayBelowTwoKilobytes() => Assert.InRange(Measure(Events), 1, 2048);

    [Fact]
    public void Read_DatasetOfCt_StaysBelowFifteenKilobytes() => Assert.InRange(Measure(Dataset), 1, 15 << 10);

    [Fact]
    public void Inspect_LargeMultiFrame_HoldsNoPixels()
    {
        var header = Samples.Ct();
        header.Remove(DicomTags.PixelData);
        var start = Samples.File(header.Set(DicomTags.NumberOfFrames, 100_000));
        // 100,000 frames of 2 KB: 200 MB that pass by.
        byte[] element = [0xE0, 0x7F, 0x10, 0x00, (byte)'O', (byte)'W', 0, 0, .. BitConverter.GetBytes(100_000u * 2048)];
        var block = new byte[1 << 16];
        using var inspector = new InstanceInspector();
        inspector.Append(start);
        inspector.Append(element);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var left = 100_000L * 2048; left > 0; left -= block.Length) inspector.Append(block.AsSpan(0, (int)Math.Min(left, block.Length)));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4096);
        var found = inspector.Complete();
        Assert.Equal(100_000, found.Frames.Count);
        Assert.Equal(start.Length + 12 + 99_999L * 2048, found.Frames.GetFrame(99_999)!.Ranges[0].Offset);
    }

    private static long Measure(Action action)
    {
        action();
        action();
        var before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static void Events()
    {
        using var reader = new DicomReader(new Nothing(), s_header);
        reader.Append(s_file);
        reader.Complete();
    }

    private static void Dataset() => Assert.True(DicomFile.Read(s_file, s_header).Dataset.Count > 60);

    private sealed class Nothing : DicomEvents;
}
