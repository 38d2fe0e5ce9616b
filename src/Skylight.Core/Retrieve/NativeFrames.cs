using System.Buffers;
using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using Skylight.Archive.Packs;
using Skylight.Archive.Series;
using Skylight.Dicom;

namespace Skylight.Core.Retrieve;

/// <summary>
/// Frames of native instances that are not ranges of the stored file (deflated, big endian): found and read in the file's Explicit VR Little Endian form,
/// which is made as a stream, once to find the frames and once for each frame given out. Nothing is kept.
/// </summary>
public sealed class NativeFrames(PackReader packs, ILogger<NativeFrames> logger)
{
    /// <summary>Where the frames lie in the converted file.</summary>
    public async ValueTask<FrameTable> LocateAsync(IndexEntry entry, CancellationToken cancellationToken) => (await InspectAsync(entry, cancellationToken)).Frames;

    /// <summary>Header and frames of the converted file.</summary>
    public async ValueTask<InspectedInstance> InspectAsync(IndexEntry entry, CancellationToken cancellationToken)
    {
        using var inspector = new InstanceInspector();
        await ConvertAsync(entry, (bytes, _) =>
        {
            foreach (var segment in bytes) inspector.Append(segment.Span);
            return ValueTask.FromResult(true);
        }, cancellationToken);
        return inspector.Complete();
    }

    /// <summary>Reads a range of the converted file.</summary>
    public async Task ReadAsync(IndexEntry entry, FileRange range, Memory<byte> destination, CancellationToken cancellationToken)
    {
        var at = 0;
        await TakeAsync(entry, range, (bytes, _) =>
        {
            bytes.CopyTo(destination[at..]);
            at += bytes.Length;
            return ValueTask.CompletedTask;
        }, cancellationToken);
    }

    /// <summary>Copies ranges of the converted file, in ascending order.</summary>
    public Task CopyAsync(IndexEntry entry, FileRange range, PipeWriter destination, CancellationToken cancellationToken) =>
        TakeAsync(entry, range, async (bytes, token) => await destination.WriteAsync(bytes, token), cancellationToken);

    private async Task TakeAsync(IndexEntry entry, FileRange range, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> take, CancellationToken cancellationToken)
    {
        long position = 0;
        var end = range.Offset + range.Length;
        await ConvertAsync(entry, async (bytes, token) =>
        {
            var from = Math.Max(range.Offset, position);
            var to = Math.Min(end, position + bytes.Length);
            if (from < to)
            {
                foreach (var segment in bytes.Slice(from - position, to - from)) await take(segment, token);
            }
            position += bytes.Length;
            return position < end;
        }, cancellationToken);
        if (position < end) throw new InvalidDataException("The converted file ends before the frame does.");
    }

    /// <summary>Runs the conversion beside its reader; <paramref name="take"/> answers false when it has enough.</summary>
    private async Task ConvertAsync(IndexEntry entry, Func<ReadOnlySequence<byte>, CancellationToken, ValueTask<bool>> take, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pipe = new Pipe();
        var conversion = Damage.ReportAsync(logger, () => FillAsync(entry, pipe.Writer, stop.Token));
        var enough = false;
        try
        {
            while (!enough)
            {
                var read = await pipe.Reader.ReadAsync(cancellationToken);
                enough = !await take(read.Buffer, cancellationToken);
                pipe.Reader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted) break;
            }
        }
        finally
        {
            await pipe.Reader.CompleteAsync();
            if (enough) await stop.CancelAsync();
        }
        try
        {
            await conversion;
        }
        catch (OperationCanceledException) when (enough && !cancellationToken.IsCancellationRequested)
        {
            // Stopped by us: the rest is not needed.
        }
    }

    private async Task FillAsync(IndexEntry entry, PipeWriter writer, CancellationToken cancellationToken)
    {
        try
        {
            await using var stored = await packs.OpenStreamAsync(entry, cancellationToken);
            var source = PipeReader.Create(stored);
            await ExplicitVrConverter.ConvertAsync(source, writer, ConvertOptions.Default, cancellationToken);
            await writer.FlushAsync(cancellationToken);
            await source.CompleteAsync();
            await writer.CompleteAsync();
        }
        catch (Exception error)
        {
            await writer.CompleteAsync(error);
            throw;
        }
    }
}
