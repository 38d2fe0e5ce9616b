using System.Buffers;
using System.IO.Pipelines;
using Microsoft.Win32.SafeHandles;

namespace Skylight.Dicom;

/// <summary>A PS3.10 file, or its header, in memory. For files of any size without their pixel data, read with <see cref="ReadOptions.StopBeforePixelData"/> or use <see cref="InstanceInspector"/>.</summary>
/// <param name="FileMeta">Group 0002; empty when the file has none.</param>
/// <param name="Preamble">128 bytes, or empty.</param>
/// <param name="DatasetOffset">Where the dataset begins in the file.</param>
/// <param name="PixelDataOffset">Where the reader stopped before pixel data; -1 otherwise.</param>
public sealed record DicomFile(
    DicomDataset FileMeta,
    DicomDataset Dataset,
    TransferSyntax Syntax,
    ReadOnlyMemory<byte> Preamble,
    long DatasetOffset,
    long PixelDataOffset,
    IReadOnlyList<Finding> Findings)
{
    private const int HeaderBytes = 8 << 10;
    private const int FileBytes = 32 << 10;

    /// <summary>A file to be written: File Meta Information is made by the writer.</summary>
    public static DicomFile Of(DicomDataset dataset, TransferSyntax syntax) => new([], dataset, syntax, default, -1, -1, []);

    /// <summary>Reads bytes that are in memory.</summary>
    /// <exception cref="DicomFormatException">They are not a DICOM file.</exception>
    public static DicomFile Read(ReadOnlySpan<byte> bytes, ReadOptions? options = null)
    {
        var builder = new DatasetBuilder(options);
        using var reader = new DicomReader(builder, options);
        reader.Append(bytes);
        reader.Complete();
        return Result(reader, builder, reader.HasPreamble && bytes.Length >= 128 ? bytes[..128].ToArray() : default);
    }

    /// <summary>Reads the dataset of a DIMSE message.</summary>
    /// <exception cref="DicomFormatException">It is not in that syntax.</exception>
    public static DicomDataset ReadDataset(ReadOnlySpan<byte> bytes, TransferSyntax syntax, ReadOptions? options = null)
    {
        var builder = new DatasetBuilder(options);
        using var reader = DicomReader.ForDataset(builder, syntax, options);
        reader.Append(bytes);
        reader.Complete();
        return builder.Dataset;
    }

    /// <summary>Reads from a stream; with <see cref="ReadOptions.StopBeforePixelData"/> not much further than the header.</summary>
    /// <exception cref="DicomFormatException">It is not a DICOM file.</exception>
    public static async Task<DicomFile> ReadAsync(Stream stream, ReadOptions? options, CancellationToken cancellationToken)
    {
        if (stream.CanSeek) options = (options ?? ReadOptions.Default) with { InputBytes = stream.Length - stream.Position };
        var builder = new DatasetBuilder(options);
        using var reader = new DicomReader(builder, options);
        byte[] preamble = [];
        var buffer = ArrayPool<byte>.Shared.Rent(options is { StopBeforePixelData: true } ? HeaderBytes : 64 << 10);
        try
        {
            var first = true;
            while (!reader.IsStopped)
            {
                // The first read takes the whole preamble, so that it can be kept.
                var n = first
                    ? await stream.ReadAtLeastAsync(buffer, 132, throwOnEndOfStream: false, cancellationToken)
                    : await stream.ReadAsync(buffer, cancellationToken);
                if (n == 0) break;
                reader.Append(buffer.AsSpan(0, n));
                if (first && reader.HasPreamble) preamble = buffer.AsSpan(0, 128).ToArray();
                else if (first && n >= 132 && buffer.AsSpan(128, 4).SequenceEqual("DICM"u8)) preamble = buffer.AsSpan(0, 128).ToArray();
                first = false;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }

        reader.Complete();
        return Result(reader, builder, preamble);
    }

    /// <summary>Reads from a pipe. When the reader stops before pixel data, the pipe stands exactly there.</summary>
    /// <exception cref="DicomFormatException">It is not a DICOM file.</exception>
    public static async Task<DicomFile> ReadAsync(PipeReader pipe, ReadOptions? options, CancellationToken cancellationToken)
    {
        var builder = new DatasetBuilder(options);
        using var reader = new DicomReader(builder, options);
        long taken = 0;
        while (!reader.IsStopped)
        {
            var result = await pipe.ReadAsync(cancellationToken);
            var buffer = result.Buffer;
            var start = taken;
            taken += reader.Append(in buffer);

            // A header that spans two reads has left the pipe already; otherwise step back to its first byte.
            var position = reader.IsStopped && reader.Syntax is { IsDeflated: false } ? Math.Max(reader.StoppedAt, start) - start : taken - start;
            pipe.AdvanceTo(buffer.GetPosition(position));
            if (result.IsCompleted) break;
        }

        reader.Complete();
        return Result(reader, builder, default);
    }

    /// <summary>Reads a file on disk.</summary>
    /// <exception cref="DicomFormatException">It is not a DICOM file.</exception>
    public static DicomFile Read(string path, ReadOptions? options = null)
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.None);
        options = (options ?? ReadOptions.Default) with { InputBytes = RandomAccess.GetLength(handle) };
        return Read(handle, options, options.StopBeforePixelData ? HeaderBytes : FileBytes);
    }

    /// <summary>Reads the header of a file on disk: a few kilobytes from the start, nothing of the pixel data beyond the block in which it begins.</summary>
    /// <exception cref="DicomFormatException">It is not a DICOM file.</exception>
    public static DicomFile ReadHeader(string path)
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.None);
        return ReadHeader(handle);
    }

    /// <summary>Reads the header of an open file.</summary>
    /// <exception cref="DicomFormatException">It is not a DICOM file.</exception>
    public static DicomFile ReadHeader(SafeFileHandle handle) => Read(handle, s_header, HeaderBytes);

    private static DicomFile Read(SafeFileHandle handle, ReadOptions options, int blockBytes)
    {
        var builder = new DatasetBuilder(options);
        using var reader = new DicomReader(builder, options);
        byte[] preamble = [];
        var buffer = ArrayPool<byte>.Shared.Rent(blockBytes);
        long at = 0;
        try
        {
            while (!reader.IsStopped)
            {
                var room = reader.Passing is >= FileBytes and var rest ? builder.Room(rest) : default;
                var n = RandomAccess.Read(handle, room.IsEmpty ? buffer : room, at);
                if (n == 0) break;
                if (room.IsEmpty) reader.Append(buffer.AsSpan(0, n));
                else
                {
                    // Pixel data goes straight to where it stays.
                    builder.Took(n);
                    reader.Passed(n);
                }

                // Whoever reads the header alone has no use for the preamble.
                if (at == 0 && n >= 128 && reader.HasPreamble && !options.StopBeforePixelData) preamble = buffer.AsSpan(0, 128).ToArray();
                at += n;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        reader.Complete();
        return Result(reader, builder, preamble);
    }

    /// <summary>Writes a dataset as a file with fresh File Meta Information from its SOP UIDs.</summary>
    /// <exception cref="ArgumentException">A value is only referred to, or the syntax does not fit the pixel data.</exception>
    public static Task WriteAsync(Stream stream, DicomDataset dataset, TransferSyntax syntax, CancellationToken cancellationToken) =>
        DicomWriter.WriteAsync(stream, Of(dataset, syntax), null, cancellationToken);

    private static readonly ReadOptions s_header = new() { StopBeforePixelData = true };

    private static DicomFile Result(DicomReader reader, DatasetBuilder builder, ReadOnlyMemory<byte> preamble) =>
        reader.Syntax is null
            ? throw new DicomFormatException(DicomErrors.NotDicom, 0, "", "There is no dataset")
            : new DicomFile(builder.FileMeta, builder.Dataset, reader.Syntax, preamble, reader.DatasetPosition, reader.StoppedAt, builder.Findings);
}
