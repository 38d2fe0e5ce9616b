using System.Buffers;
using System.IO.Pipelines;
using Skylight.Dicom;

namespace Skylight.Core.Lifecycle.Corrections;

/// <summary>
/// Corrects a PS3.10 file on its way out: the attributes before the pixel data are read, corrected and written anew; from the pixel data on every byte passes as it is.
/// Memory does not depend on the size of the pixels.
/// </summary>
public static class CorrectedFile
{
    /// <summary>Bytes of a chunk that may still be part of the element at which reading stops: its header.</summary>
    private const int HeaderBytes = 64;

    /// <summary>Runs <paramref name="produce"/>, which writes a file in Explicit VR Little Endian, a compressed or the deflated syntax, and writes it corrected.</summary>
    public static async Task WriteAsync(Func<PipeWriter, Task> produce, PipeWriter destination, IReadOnlyList<Correction> corrections, CancellationToken cancellationToken)
    {
        var pipe = new Pipe();
        var producing = ProduceAsync(produce, pipe.Writer);
        try
        {
            await CorrectAsync(pipe.Reader, destination, corrections, cancellationToken);
        }
        finally
        {
            await pipe.Reader.CompleteAsync();
            await producing;
        }
    }

    private static async Task ProduceAsync(Func<PipeWriter, Task> produce, PipeWriter writer)
    {
        Exception? failure = null;
        try
        {
            await produce(writer);
            await writer.FlushAsync();
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            failure = error;
        }

        // The reader throws what went wrong here.
        await writer.CompleteAsync(failure);
    }

    private static async Task CorrectAsync(PipeReader source, PipeWriter destination, IReadOnlyList<Correction> corrections, CancellationToken cancellationToken)
    {
        var events = new Head();
        using var reader = new DicomReader(events, Head.Options);
        var whole = new ArrayBufferWriter<byte>(64 * 1024);
        var kept = new List<byte>();
        long taken = 0;
        while (true)
        {
            var result = await source.ReadAsync(cancellationToken);
            var chunk = result.Buffer.ToArray();
            source.AdvanceTo(result.Buffer.End);
            if (events.IsDeflated)
            {
                whole.Write(chunk);
                if (result.IsCompleted) break;
                continue;
            }

            reader.Append(chunk);
            if (events.IsDeflated || events.DatasetUnknown) whole.Write(chunk);
            kept.AddRange(chunk);
            taken += chunk.Length;
            if (reader.IsStopped) break;
            if (result.IsCompleted)
            {
                if (!events.IsDeflated) reader.Complete();
                break;
            }

            if (kept.Count > HeaderBytes && !events.IsDeflated) kept.RemoveRange(0, kept.Count - HeaderBytes);
        }

        if (events.IsDeflated)
        {
            var file = DicomFile.Read(whole.WrittenMemory.ToArray());
            DicomWriter.Write(destination, DicomFile.Of(CorrectedDataset.Apply(file.Dataset, corrections), file.Syntax));
            await destination.FlushAsync(cancellationToken);
            return;
        }

        DicomWriter.Write(destination, DicomFile.Of(CorrectedDataset.Apply(events.Builder.Dataset, corrections), reader.Syntax!));
        if (reader.IsStopped) destination.Write(kept.ToArray().AsSpan(kept.Count - (int)(taken - events.StoppedAt)));
        if (reader.IsStopped) await CopyAsync(source, destination, cancellationToken);
        await destination.FlushAsync(cancellationToken);
    }

    private static async Task CopyAsync(PipeReader source, PipeWriter destination, CancellationToken cancellationToken)
    {
        while (true)
        {
            var result = await source.ReadAsync(cancellationToken);
            foreach (var segment in result.Buffer) destination.Write(segment.Span);
            source.AdvanceTo(result.Buffer.End);
            var flushed = await destination.FlushAsync(cancellationToken);
            if (result.IsCompleted || flushed.IsCompleted) return;
        }
    }

    /// <summary>Builds the dataset up to the pixel data, and remembers where those begin.</summary>
    private sealed class Head : DicomEvents
    {
        public static ReadOptions Options { get; } = new() { StopBeforePixelData = true, MaxInlineBytes = int.MaxValue, AllowTruncated = true };

        public DatasetBuilder Builder { get; } = new(Options);

        public long StoppedAt { get; private set; }

        public bool IsDeflated { get; private set; }

        public bool DatasetUnknown { get; private set; } = true;

        public override void OnSyntax(TransferSyntax syntax, long datasetPosition) => (IsDeflated, DatasetUnknown) = (syntax.IsDeflated, false);

        public override ValueHandling OnElement(in ElementHeader e)
        {
            var handling = Builder.OnElement(in e);
            if (handling == ValueHandling.Stop) StoppedAt = e.Position;
            return handling;
        }

        public override void OnValue(in ElementHeader e, ReadOnlySpan<byte> value) => Builder.OnValue(in e, value);

        public override void OnChunk(in ElementHeader e, ReadOnlySpan<byte> bytes) => Builder.OnChunk(in e, bytes);

        public override void OnValueEnd(in ElementHeader e) => Builder.OnValueEnd(in e);

        public override void OnSequenceStart(in ElementHeader e) => Builder.OnSequenceStart(in e);

        public override void OnItemStart(long position, uint length) => Builder.OnItemStart(position, length);

        public override void OnItemEnd() => Builder.OnItemEnd();

        public override void OnSequenceEnd() => Builder.OnSequenceEnd();

        public override void OnFragmentsStart(in ElementHeader e) => Builder.OnFragmentsStart(in e);

        public override void OnFragment(int index, long position, uint length) => Builder.OnFragment(index, position, length);

        public override void OnFragmentChunk(ReadOnlySpan<byte> bytes) => Builder.OnFragmentChunk(bytes);

        public override void OnFragmentEnd() => Builder.OnFragmentEnd();

        public override void OnFragmentsEnd() => Builder.OnFragmentsEnd();
    }
}
