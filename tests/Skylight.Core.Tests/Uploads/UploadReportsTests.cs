using Skylight.Core.Uploads;

namespace Skylight.Core.Tests.Uploads;

public sealed class UploadReportsTests : IAsyncDisposable
{
    private readonly UploadWorld _world = new();
    private readonly string _id = UploadId.New();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    private ValueTask WriteAsync(int batch, UploadReportPart part) => _world.Reports.WriteAsync(UploadWorld.Institution, _id, batch, part, default);

    [Fact]
    public async Task Read_AddsTheBatchesUp_AndCountsASeriesOnce()
    {
        await WriteAsync(0, new() { Received = 5, Stored = 3, Duplicates = 1, Ignored = 1, Series = [new("1.2", "1.2.1", 2), new("1.2", "1.2.2", 2)] });
        await WriteAsync(1, new() { Received = 4, Stored = 1, Revisions = 1, Held = 1, Rejected = [new("a", "not-dicom", "No.")], Series = [new("1.2", "1.2.1", 1), new("1.1", "1.1.1", 1)] });
        var report = await _world.ReportAsync(_id);
        Assert.Equal((9, 4, 1, 1, 1, 1, 1), (report.Received, report.Stored, report.Duplicates, report.Revisions, report.Held, report.Ignored, report.Rejected.Count));
        Assert.Equal([new ReportedStudy("1.1", 1, 1), new ReportedStudy("1.2", 2, 5)], report.Studies);
    }

    [Fact]
    public async Task Write_Again_ReplacesABatch_EvenByAShorterOne()
    {
        var many = Enumerable.Range(0, 5_000).Select(i => new RejectedItem($"folder/file-{i:D5}.dcm", "not-dicom", "The file is not DICOM.")).ToArray();
        await WriteAsync(0, new() { Received = 5_000, Rejected = many });
        Assert.Equal(many, (await _world.ReportAsync(_id)).Rejected);
        await WriteAsync(0, new() { Received = 1, Rejected = [many[7]] });
        await WriteAsync(1, new() { Received = 1, Stored = 1 });
        var report = await _world.ReportAsync(_id);
        Assert.Equal((2, 1), (report.Received, report.Stored));
        Assert.Equal(many[7], Assert.Single(report.Rejected));
    }

    [Fact]
    public async Task Read_SeesItsOwnUploadOnly()
    {
        await WriteAsync(0, new() { Received = 1, Stored = 1 });
        Assert.Equal(0, (await _world.ReportAsync(UploadId.New())).Received);
        Assert.Equal(0, (await _world.Reports.ReadAsync("hospital-b", _id, default)).Received);
    }

    [Fact]
    public async Task Write_WithTheLongestTexts_StillFits()
    {
        var worst = new RejectedItem(new string('图', 4_096), "code", new string('"', 200));
        await WriteAsync(0, new() { Received = 100, Rejected = [.. Enumerable.Repeat(worst, 100)] });
        Assert.Equal(100, (await _world.ReportAsync(_id)).Rejected.Count);
    }
}
