using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Ingest;
using Skylight.Core.Tests.Uploads;
using Skylight.Core.Uploads;

namespace Skylight.Core.Tests.Ingest;

/// <summary>An upload session taken in batch by batch, and its report.</summary>
public sealed class UploadIngestTests : IAsyncLifetime
{
    private readonly IngestBench _bench = new();
    private readonly UploadWorld.FakeIngress _ingress = new();
    private readonly UploadSessions _sessions;
    private readonly UploadReports _reports;
    private readonly UploadIngest _ingest;
    private readonly Starter _starter = new();

    public UploadIngestTests()
    {
        _reports = new UploadReports(_bench.Documents, _bench.Time);
        var content = new UploadContent(_bench.Documents, _ingress);
        _sessions = new UploadSessions(_bench.Documents, _ingress, content, _reports, Options.Create(new UploadOptions { BatchBlobs = 3 }), _bench.Time, NullLogger<UploadSessions>.Instance);
        _ingest = new UploadIngest(_bench.Service, content, _reports);
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    private async Task<string> Open() => (await _sessions.OpenAsync(new UploadRequest(IngestBench.A, "hospital-a/node", null, null), default)).Session!.Id;

    private void Put(string id, string name, byte[] bytes) => _ingress.Containers[UploadId.Container(id)][name] = (bytes, $"e{name}");

    private async Task<IngestStart> Complete(string id, params ManifestEntry[] manifest)
    {
        var json = manifest.Length == 0 ? null : new MemoryStream(System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(manifest, DocumentJson.Options));
        Assert.Null((await _sessions.CompleteAsync(IngestBench.A, id, json, _starter, default)).Refusal);
        return _starter.Started[^1];
    }

    private async Task<UploadReport> Run(IngestStart start)
    {
        for (var batch = 0; batch < start.Batches; batch++) await _ingest.RunAsync(start.Institution, start.UploadId, batch, default);
        await _sessions.FinishAsync(start.Institution, start.UploadId, start.Attempt, null, default);
        var report = await _reports.ReadAsync(start.Institution, start.UploadId, default);
        Assert.Equal(report.Received, report.Stored + report.Duplicates + report.Revisions + report.Held + report.Ignored + report.Rejected.Count);
        return report;
    }

    private static byte[] Slice(int number) => TestDicom.Ct(sop: $"1.2.3.1.{number}").ToBytes();

    [Fact]
    public async Task Run_CountsWhatTheBatchesCameTo_AndAgainTheSameWhenRepeated()
    {
        var id = await Open();
        for (var i = 0; i < 5; i++) Put(id, $"b{i}", Slice(i));
        Put(id, "b5", Slice(0));
        Put(id, "b6", "noise that is no image"u8.ToArray());
        Put(id, "b7", []);
        var start = await Complete(id);
        Assert.Equal(3, start.Batches);
        for (var batch = 0; batch < start.Batches; batch++) await _ingest.RunAsync(start.Institution, start.UploadId, batch, default);
        var report = await Run(start);
        Assert.Equal((8, 5, 1), (report.Received, report.Stored, report.Duplicates));
        Assert.Equal([("b6", "not-dicom"), ("b7", "empty")], report.Rejected.Select(item => (item.Name, item.Code)));
        Assert.Equal(("1.2.3", 1, 6), Assert.Single(report.Studies) is var study ? (study.StudyInstanceUid, study.Series, study.Instances) : default);
        Assert.Equal(5, (await _bench.Study()).Instances());
        Assert.Equal("hospital-a/node", Assert.Single((await _bench.Study()).Sources).Name);
    }

    [Fact]
    public async Task Run_OfBlobChangedAfterCompletion_RejectsItByName_AndTakesTheRest()
    {
        var id = await Open();
        Put(id, "b0", Slice(0));
        Put(id, "b1", Slice(1));
        var start = await Complete(id, new ManifestEntry("b0", "CT/0.dcm"), new ManifestEntry("b1", "CT/1.dcm"));
        _ingress.Containers[UploadId.Container(id)]["b1"] = (Slice(7), "changed");
        var report = await Run(start);
        Assert.Equal(1, report.Stored);
        Assert.All(report.Rejected, item => Assert.Equal(("CT/1.dcm", "blob-changed"), (item.Name, item.Code)));
        Assert.NotEmpty(report.Rejected);
        Assert.Equal(1, (await _bench.Study()).Instances());
    }

    [Fact]
    public async Task Run_OfBlobThatIsNotWhatTheManifestNames_RejectsIt()
    {
        var id = await Open();
        for (var i = 0; i < 3; i++) Put(id, $"b{i}", Slice(i));
        var digest = Convert.ToHexStringLower(SHA256.HashData(Slice(0)));
        var report = await Run(await Complete(
            id, new ManifestEntry("b0", "a", Slice(0).Length, digest), new ManifestEntry("b1", "b", Slice(1).Length, digest), new ManifestEntry("b2", "c", 5)));
        Assert.Equal(1, report.Stored);
        Assert.Equal([("b", "digest-mismatch"), ("c", "size-mismatch")], report.Rejected.Select(item => (item.Name, item.Code)));
    }

    [Fact]
    public async Task Run_OfMedium_ReportsMissingReferences_AndIgnoresTheViewer()
    {
        var id = await Open();
        Put(id, "x0", DirectoryFile("IMAGES\\IM1", "IMAGES\\IM2"));
        Put(id, "x1", Slice(1));
        Put(id, "x2", "MZ viewer"u8.ToArray());
        Put(id, "x3", "%PDF help"u8.ToArray());
        var report = await Run(await Complete(
            id, new ManifestEntry("x0", "CD/DICOMDIR"), new ManifestEntry("x1", "CD/IMAGES/IM1"), new ManifestEntry("x2", "CD/VIEWER/run.exe"), new ManifestEntry("x3", "CD/help.pdf")));
        Assert.Equal((1, 3), (report.Stored, report.Ignored));
        Assert.Equal([("CD/IMAGES/IM2", "missing-reference")], report.Rejected.Select(item => (item.Name, item.Code)));
    }

    /// <summary>A DICOMDIR with one flat record for each file (PS3.3 F.3).</summary>
    internal static byte[] DirectoryFile(params string[] files)
    {
        var records = new MemoryStream();
        foreach (var file in files)
        {
            var item = new MemoryStream();
            Element(item, 0x0004, 0x1400, "UL", [0, 0, 0, 0]);
            Element(item, 0x0004, 0x1410, "US", [0xFF, 0xFF]);
            Element(item, 0x0004, 0x1420, "UL", [0, 0, 0, 0]);
            Element(item, 0x0004, 0x1430, "CS", "IMAGE "u8.ToArray());
            Element(item, 0x0004, 0x1500, "CS", Encoding.ASCII.GetBytes(file.Length % 2 == 0 ? file : file + " "));
            records.Write([0xFE, 0xFF, 0x00, 0xE0]);
            records.Write(BitConverter.GetBytes((uint)item.Length));
            item.WriteTo(records);
        }

        var whole = new TestDicom { Pixels = null };
        whole.Set(0x00041130, "CS", "DISC1").Set(0x00041200, "UL", "");
        var head = whole.ToBytes();
        return [.. head, 0x04, 0, 0x20, 0x12, (byte)'S', (byte)'Q', 0, 0, .. BitConverter.GetBytes((uint)records.Length), .. records.ToArray()];
    }

    private static void Element(MemoryStream to, ushort group, ushort element, string vr, byte[] value)
    {
        to.Write(BitConverter.GetBytes(group));
        to.Write(BitConverter.GetBytes(element));
        to.Write(Encoding.ASCII.GetBytes(vr));
        to.Write(BitConverter.GetBytes((ushort)value.Length));
        to.Write(value);
    }

    private sealed class Starter : IIngestStarter
    {
        public List<IngestStart> Started { get; } = [];

        public ValueTask StartAsync(IngestStart start, CancellationToken cancellationToken)
        {
            Started.Add(start);
            return ValueTask.CompletedTask;
        }

        public ValueTask<IngestRunState> GetAsync(string instanceId, CancellationToken cancellationToken) => ValueTask.FromResult(IngestRunState.Running);
    }
}
