using Skylight.Archive;
using Skylight.Core.Uploads;

namespace Skylight.Core.Ingest;

/// <summary>A frozen blob: when it turns out to have changed, this file is refused and the batch goes on.</summary>
internal sealed class FrozenBlobStream(Stream inner) : ReadOnlyStream
{
    public override bool CanSeek => inner.CanSeek;

    public override long Length => inner.Length;

    public override long Position
    {
        get => inner.Position;
        set => inner.Position = value;
    }

    public override int Read(Span<byte> buffer)
    {
        try
        {
            return inner.Read(buffer);
        }
        catch (UploadChangedException)
        {
            throw new FileRefusedException(IngestReasons.ChangedDuringRead);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            return await inner.ReadAsync(buffer, cancellationToken);
        }
        catch (UploadChangedException)
        {
            throw new FileRefusedException(IngestReasons.ChangedDuringRead);
        }
    }

    public override long Seek(long offset, SeekOrigin origin) => inner.Seek(offset, origin);

    public override async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}
