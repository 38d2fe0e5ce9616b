using Skylight.Archive.Objects;
using Skylight.Conformance;
using Skylight.Core.Catalog;

namespace Skylight.Local.Tests.Catalog;

/// <summary>The catalog suite on the path that the edge host really takes: journal first, <c>catalog.db</c> when somebody waits for it.</summary>
public abstract class JournaledCatalogConformance : CatalogConformance, IAsyncLifetime
{
    private readonly JournaledCatalog _catalog;

    private protected JournaledCatalogConformance(Stop? beforeReading, Func<ICommit, ICatalog, ICommit>? wrap = null) => _catalog = new JournaledCatalog(beforeReading, wrap);

    protected override ICatalog Catalog => _catalog;

    protected override int SearchRounds => 60;

    public async ValueTask InitializeAsync() => await _catalog.OpenAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _catalog.DisposeAsync();
    }

    private protected int Restarts => _catalog.Restarts;
}

public sealed class JournaledCatalogTests() : JournaledCatalogConformance(null);

/// <summary>Between what a case writes and what it reads the host is killed and has replayed its journal.</summary>
public sealed class KilledCatalogTests() : JournaledCatalogConformance(Stop.Kill)
{
    [Fact]
    public async Task Read_AfterWrites_IsAfterARestart()
    {
        await Put(Study(1));
        await Put(Study(2));
        await Catalog.GetStudyByKeyAsync(A, "key00001", default);
        await Catalog.GetStudyByKeyAsync(A, "key00002", default);
        Assert.Equal(1, Restarts);
    }
}

/// <summary>The same with the power cut: <c>catalog.db</c> has lost all that no checkpoint made durable.</summary>
public sealed class PowerlessCatalogTests() : JournaledCatalogConformance(Stop.PowerCut);

public abstract class JournalCommitConformance : CommitConformance, IAsyncLifetime
{
    private readonly JournaledCatalog _catalog;
    private readonly Stop _stop;

    private protected JournalCommitConformance(Stop stop, Func<ICommit, ICatalog, ICommit>? wrap = null) => (_stop, _catalog) = (stop, new JournaledCatalog(null, wrap));

    protected override ICommit Commit => _catalog.Commit;

    protected override ICatalog Catalog => _catalog;

    protected override IObjectStore Store => _catalog.Store;

    protected override Task RestartAsync() => _catalog.RestartAsync(_stop);

    public async ValueTask InitializeAsync() => await _catalog.OpenAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _catalog.DisposeAsync();
    }
}

public sealed class KilledJournalCommitTests() : JournalCommitConformance(Stop.Kill);

public sealed class PowerlessJournalCommitTests() : JournalCommitConformance(Stop.PowerCut);

public abstract class JournalOutboxConformance : OutboxConformance, IAsyncLifetime
{
    private readonly JournaledCatalog _catalog;

    private protected JournalOutboxConformance(Func<ICommit, ICatalog, ICommit>? wrap = null) => _catalog = new JournaledCatalog(null, wrap);

    protected override ICatalog Catalog => _catalog;

    protected override ICommit Commit => _catalog.Commit;

    public async ValueTask InitializeAsync() => await _catalog.OpenAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _catalog.DisposeAsync();
    }
}

public sealed class JournalOutboxTests() : JournalOutboxConformance;
