using Azure.Storage.Blobs;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Core.Ingest;
using Skylight.Core.Uploads;

namespace Skylight.Edge.Tests.Blobs;

/// <summary>What happens to blobs that change between completion and ingest. Only a write with the account's own key can do that on the edge.</summary>
public sealed class LateWriteTests(EdgeIngressTests.Host fixture) : IClassFixture<EdgeIngressTests.Host>
{
    [Fact]
    public async Task OverwrittenOrAddedAfterCompletion_IsRejectedByName_AndTheRestIsTakenIn()
    {
        var host = fixture.Blobs;
        var (sessions, ingest, reports) = (host.Services.GetRequiredService<UploadSessions>(), host.Services.GetRequiredService<UploadIngest>(), host.Services.GetRequiredService<UploadReports>());
        var opened = await sessions.OpenAsync(new UploadRequest("hospital-a", "hospital-a/node", null, null), default);
        var id = opened.Session!.Id;
        var client = new BlobContainerClient(opened.Url!, BlobHost.Options);
        await client.UploadBlobAsync("kept", BinaryData.FromString("not an image, but the one that was completed"));
        await client.UploadBlobAsync("overwritten", BinaryData.FromString("first"));
        Assert.Null((await sessions.CompleteAsync("hospital-a", id, null, new NoStart(), default)).Refusal);

        var late = new BlobContainerClient(host.Sign(UploadId.Container(id), "cw"), BlobHost.Options);
        await late.GetBlobClient("overwritten").UploadAsync(BinaryData.FromString("second"), overwrite: true);
        await late.UploadBlobAsync("added", BinaryData.FromString("late"));
        await ingest.RunAsync("hospital-a", id, 0, default);
        await sessions.FinishAsync("hospital-a", id, 1, null, default);

        var report = await reports.ReadAsync("hospital-a", id, default);
        Assert.Equal(
            [("added", UploadRejections.Late), ("kept", "not-dicom"), ("overwritten", UploadRejections.Changed)],
            report.Rejected.Select(r => (r.Name, r.Code == UploadRejections.Late || r.Code == UploadRejections.Changed ? r.Code : "not-dicom")).Order());
        Assert.Equal((3, 0), (report.Received, report.Stored));
    }

    private sealed class NoStart : IIngestStarter
    {
        public ValueTask StartAsync(IngestStart start, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ValueTask<IngestRunState> GetAsync(string instanceId, CancellationToken cancellationToken) => ValueTask.FromResult(IngestRunState.Running);
    }
}
