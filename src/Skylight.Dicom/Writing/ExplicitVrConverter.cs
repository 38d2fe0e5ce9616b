using System.Buffers;
using System.IO.Pipelines;

namespace Skylight.Dicom;

/// <summary>What becomes of a file that is sent out.</summary>
public sealed record ConvertOptions
{
    public static ConvertOptions Default { get; } = new();

    /// <summary>Sends a deflated dataset as it is stored. Default false: it is inflated.</summary>
    public bool KeepDeflated { get; init; }

    /// <summary>(0002,0016), when not null.</summary>
    public string? SourceAeTitle { get; init; }
}

/// <summary>
/// Turns a stored PS3.10 file into one that may be sent: Implicit VR, Big Endian and deflated datasets become Explicit VR Little Endian,
/// other syntaxes (compressed ones too) keep their dataset byte for byte; File Meta Information is made anew, the preamble is zeroed unless it is a TIFF header.
/// Streams: memory does not depend on the size of the file.
/// </summary>
public static class ExplicitVrConverter
{
    private const int MaxHeadBytes = 48 << 10;
    private const int PieceBytes = 4 << 10;

    /// <summary>Bytes of a head whose SOP class and instance have empty UIDs.</summary>
    private static readonly Lazy<int> BareHead = new(static () =>
    {
        var output = new ArrayBufferWriter<byte>(512);
        WriteHead([], "", "", TransferSyntax.ExplicitLittle, output);
        return output.WrittenCount;
    });

    /// <summary>Reads the source to its end and completes neither pipe. Returns the syntax that was written.</summary>
    /// <exception cref="DicomFormatException">The source is not a DICOM file, or is cut short where it has to be converted.</exception>
    public static async Task<TransferSyntax> ConvertAsync(PipeReader source, PipeWriter destination, ConvertOptions? options, CancellationToken cancellationToken)
    {
        options ??= ConvertOptions.Default;
        var head = await HeadAsync(source, cancellationToken);
        var passes = Passes(head.Syntax, options);
        var target = passes ? head.Syntax : TransferSyntax.ExplicitLittle;
        WriteHead(head, target, destination, options);
        if (passes) await CopyAsync(source, destination, cancellationToken);
        else await RewriteAsync(source, destination, head.Syntax, cancellationToken);
        return target;
    }

    /// <summary>Whether a dataset of this syntax goes out byte for byte, so that only what stands before it is made anew (<see cref="WriteHead(ReadOnlySpan{byte}, string, string, TransferSyntax, IBufferWriter{byte})"/>).</summary>
    public static bool Passes(TransferSyntax syntax, ConvertOptions options) => syntax.IsExplicit && !syntax.IsBigEndian && (!syntax.IsDeflated || options.KeepDeflated);

    /// <summary>
    /// Writes preamble and File Meta Information for a file whose dataset passes; the caller writes the dataset's bytes after it, from wherever it has them.
    /// </summary>
    /// <param name="beginning">The first 132 bytes of the source, or fewer where the dataset begins before.</param>
    public static void WriteHead(ReadOnlySpan<byte> beginning, string sopClass, string sopInstance, TransferSyntax syntax, IBufferWriter<byte> destination)
    {
        DicomWriter.Preamble(destination, beginning.Length >= 132 && beginning[128..132].SequenceEqual("DICM"u8) ? beginning[..128] : []);
        DicomWriter.FileMeta(destination, sopClass, sopInstance, syntax, null);
    }

    /// <summary>Bytes that <see cref="WriteHead(ReadOnlySpan{byte}, string, string, TransferSyntax, IBufferWriter{byte})"/> writes.</summary>
    public static int HeadLength(string sopClass, string sopInstance, TransferSyntax syntax) =>
        BareHead.Value + Even(sopClass.Length) + Even(sopInstance.Length) + Even(syntax.Uid.Length) - Even(TransferSyntax.ExplicitLittle.Uid.Length);

    private static void WriteHead(Head head, TransferSyntax target, PipeWriter destination, ConvertOptions options)
    {
        DicomWriter.Preamble(destination, head.Preamble);
        DicomWriter.FileMeta(destination, head.SopClass, head.SopInstance, target, options.SourceAeTitle);
    }

    private static int Even(int length) => length + (length & 1);

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

    private static async Task RewriteAsync(PipeReader source, PipeWriter destination, TransferSyntax syntax, CancellationToken cancellationToken)
    {
        using var reader = DicomReader.ForDataset(new ExplicitVrEvents(destination), syntax, new ReadOptions { ResolveUnknown = false });
        while (true)
        {
            var result = await source.ReadAsync(cancellationToken);
            foreach (var segment in result.Buffer)
            {
                // Small pieces: what a deflated one grows to is flushed before the next.
                for (var rest = segment; !rest.IsEmpty; rest = rest[Math.Min(PieceBytes, rest.Length)..])
                {
                    reader.Append(rest.Span[..Math.Min(PieceBytes, rest.Length)]);
                    if (destination.UnflushedBytes >= 64 << 10 && (await destination.FlushAsync(cancellationToken)).IsCompleted) return;
                }
            }

            source.AdvanceTo(result.Buffer.End);
            if (!result.IsCompleted) continue;
            reader.Complete();
            await destination.FlushAsync(cancellationToken);
            return;
        }
    }

    /// <summary>Reads up to the dataset, and leaves the source there.</summary>
    private static async Task<Head> HeadAsync(PipeReader source, CancellationToken cancellationToken)
    {
        var builder = new DatasetBuilder();
        using var reader = new DicomReader(new HeadEvents(builder), new ReadOptions { AllowTruncated = true });
        long examined = 0;
        while (true)
        {
            var result = await source.ReadAsync(cancellationToken);
            var buffer = result.Buffer;
            foreach (var segment in buffer.Slice(examined))
            {
                examined += segment.Length;
                reader.Append(segment.Span);
                if (reader.IsStopped) break;
            }

            if (result.IsCompleted && !reader.IsStopped) reader.Complete();
            if (reader.DatasetPosition >= 0 && (reader.IsStopped || result.IsCompleted))
            {
                var preamble = reader.HasPreamble ? buffer.Slice(0, 128).ToArray() : [];
                var head = new Head(reader.Syntax!, preamble, Uid(builder, DicomTags.MediaStorageSOPClassUID, DicomTags.SOPClassUID), Uid(builder, DicomTags.MediaStorageSOPInstanceUID, DicomTags.SOPInstanceUID));
                source.AdvanceTo(buffer.GetPosition(reader.DatasetPosition));
                return head;
            }

            if (result.IsCompleted || examined > MaxHeadBytes)
                throw new DicomFormatException(DicomErrors.NotDicom, examined, "", "There is no dataset");
            source.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private static string Uid(DatasetBuilder builder, DicomTag meta, DicomTag tag) =>
        builder.Dataset.GetString(tag) ?? builder.FileMeta.GetString(meta) ?? "";

    private sealed record Head(TransferSyntax Syntax, byte[] Preamble, string SopClass, string SopInstance);

    /// <summary>Stops once the dataset has said which instance it is.</summary>
    private sealed class HeadEvents(DatasetBuilder builder) : DicomEvents
    {
        public override ValueHandling OnElement(in ElementHeader e) =>
            !e.IsMeta && e.Depth == 0 && (e.Tag > DicomTags.SOPInstanceUID || (e.Length > 1024 && e.Vr.Code != VrCode.SQ)) ? ValueHandling.Stop : builder.OnElement(in e);

        public override void OnValue(in ElementHeader e, ReadOnlySpan<byte> value) => builder.OnValue(in e, value);

        public override void OnSequenceStart(in ElementHeader e) => builder.OnSequenceStart(in e);

        public override void OnItemStart(long position, uint length) => builder.OnItemStart(position, length);

        public override void OnItemEnd() => builder.OnItemEnd();

        public override void OnSequenceEnd() => builder.OnSequenceEnd();
    }
}
