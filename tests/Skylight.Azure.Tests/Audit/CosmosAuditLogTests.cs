using Azure.Storage.Blobs;
using Microsoft.Azure.Cosmos;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Azure.Audit;
using Skylight.Azure.Cosmos;
using Skylight.Conformance;
using Skylight.Core.Audit;

namespace Skylight.Azure.Tests.Audit;

public sealed class CosmosAuditLogTests(AzureServices services) : AuditLogConformance, IAsyncLifetime
{
    private CosmosDatabase _database = null!;
    private BlobContainerClient _anchors = null!;
    private CosmosAuditLog _log = null!;

    protected override IAuditLog Log => _log;

    public async ValueTask InitializeAsync()
    {
        _database = await services.DatabaseAsync();
        _anchors = new BlobContainerClient(services.ConnectionString, Services.NewName());
        await _anchors.CreateAsync();
        _log = Open();
    }

    public async ValueTask DisposeAsync()
    {
        if (_log is null) return;
        await _log.DisposeAsync();
        _database.Dispose();
        await _anchors.DeleteAsync();
    }

    [Fact]
    public async Task TwoProcesses_OnOneChain_LeaveNoGap()
    {
        await using var other = Open();
        var sequences = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(async () => await (i % 2 == 0 ? _log : other).AppendAsync("a", Event(i), default))));
        Assert.Equal(Enumerable.Range(1, 40).Select(i => (long)i), sequences.Order());
        Assert.Empty((await _log.VerifyAsync("a", null, default)).Findings);
    }

    [Theory]
    [InlineData("permit", "denied", "changed")]
    [InlineData("studyRead", "studyHide", "changed")]
    public async Task Tampering_WithABody_IsFound(string text, string other, string code)
    {
        for (var i = 0; i < 5; i++) await _log.AppendAsync("a", Event(i), default);
        await RewriteAsync(3, item => item with { Entries = [.. item.Entries.Select(entry => entry with { Body = entry.Body.Replace(text, other, StringComparison.Ordinal) })] });
        Assert.Contains((await _log.VerifyAsync("a", null, default)).Findings, f => f.Sequence == 3 && f.Code == code);
    }

    [Fact]
    public async Task Tampering_WithWhatIsSearched_IsFound()
    {
        for (var i = 0; i < 5; i++) await _log.AppendAsync("a", Event(i), default);
        await RewriteAsync(4, item => item with { Patients = ["somebody-else"] });
        Assert.Contains((await _log.VerifyAsync("a", null, default)).Findings, f => f is { Sequence: 4, Code: "changed" });
    }

    [Fact]
    public async Task Removal_OfTheEnd_IsFoundByTheAnchor()
    {
        for (var i = 0; i < 5; i++) await _log.AppendAsync("a", Event(i), default);
        await _log.DisposeAsync();
        await _database.Items(CosmosDatabase.Audit).DeleteAsync("a", AuditItem.IdOf(5), default);
        _log = Open();
        Assert.Contains((await _log.VerifyAsync("a", null, default)).Findings, f => f is { Sequence: 5, Code: "truncated" });
        await _log.AppendAsync("a", Event(7), default);
        Assert.Contains((await _log.VerifyAsync("a", null, default)).Findings, f => f.Code == "truncated");
    }

    protected override async Task ReopenAsync()
    {
        await _log.DisposeAsync();
        _log = Open();
    }

    private CosmosAuditLog Open() => new(
        _database.Items(CosmosDatabase.Audit), new AnchorBlobs(_anchors), static (_, _, _) => ValueTask.FromResult(Enumerable.Repeat((byte)7, 32).ToArray()), TimeProvider.System, NullLogger<CosmosAuditLog>.Instance);

    private async Task RewriteAsync(long sequence, Func<AuditItem, AuditItem> change)
    {
        var items = _database.Items(CosmosDatabase.Audit);
        var met = (await items.ReadAsync<AuditItem>("a", AuditItem.IdOf(sequence), default))!;
        Assert.True(await items.TryPutAsync("a", met.Value.Id, change(met.Value), met.ETag, default));
    }
}
