using Skylight.Archive.Coding;
using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Compression;

internal sealed class BreakException : Exception;

/// <summary>Where work breaks off, as a process that dies: before or after an object or a commit becomes durable.</summary>
internal sealed class Breaks
{
    private int _steps;

    /// <summary>Steps that still go well.</summary>
    public int After
    {
        get;
        set
        {
            field = value;
            _steps = 0;
        }
    } = int.MaxValue;

    /// <summary>Somebody else's work, just before a commit.</summary>
    public Func<Task>? BeforeCommit { get; set; }

    public void Step()
    {
        if (_steps++ >= After) throw new BreakException();
    }
}

internal sealed class BreakingCommit(ICommit inner, Breaks breaks) : ICommit
{
    public async Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
    {
        breaks.Step();
        if (breaks.BeforeCommit is { } other) await other();
        var outcome = await inner.CommitAsync(batch, cancellationToken);
        breaks.Step();
        return outcome;
    }

    public Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
        inner.RemoveAsync(institution, studyKey, etag, sopInstanceUids, cancellationToken);

    public Task PurgeAsync(CancellationToken cancellationToken) => inner.PurgeAsync(cancellationToken);
}

internal sealed class BreakingStore(IObjectStore inner, Breaks breaks) : ForwardingStore(inner)
{
    public override async ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken)
    {
        breaks.Step();
        return new Writer(await base.CreateAsync(name, cancellationToken), breaks);
    }

    private sealed class Writer(ObjectWriter inner, Breaks breaks) : ObjectWriter
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => inner.WriteAsync(bytes, cancellationToken);

        public override async ValueTask CommitAsync(CancellationToken cancellationToken)
        {
            breaks.Step();
            await inner.CommitAsync(cancellationToken);
            breaks.Step();
        }

        public override ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}

/// <summary>A codec of which every picture after the first few comes back with a wrong pixel.</summary>
internal sealed class Erring(IPictureCodec inner, int good) : IPictureCodec
{
    private int _decoded;

    public byte Id => inner.Id;

    public string Name => inner.Name;

    public string? Missing { get; init; }

    public byte[] Encode(ReadOnlySpan<byte> picture, int width, int height, int bits) => inner.Encode(picture, width, height, bits);

    public void Decode(ReadOnlySpan<byte> stream, int width, int height, int bits, Span<byte> picture)
    {
        inner.Decode(stream, width, height, bits, picture);
        if (_decoded++ >= good) picture[0] ^= 1;
    }
}
