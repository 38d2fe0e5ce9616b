using System.Buffers;
using System.IO.Compression;
using System.Text;

namespace Skylight.Dicom;

/// <summary>Writes files and datasets. With <see cref="WriteOptions.AsRead"/>, what was read comes out byte for byte (a deflated dataset: the same once inflated).</summary>
public static class DicomWriter
{
    /// <summary>The bytes of a whole file.</summary>
    /// <exception cref="ArgumentException">A value is only referred to, or the syntax does not fit the pixel data.</exception>
    public static byte[] ToArray(DicomFile file, WriteOptions? options = null)
    {
        var output = new ArrayBufferWriter<byte>(4096);
        Write(output, file, options);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Writes a whole file to a stream.</summary>
    /// <exception cref="ArgumentException">A value is only referred to, or the syntax does not fit the pixel data.</exception>
    public static async Task WriteAsync(Stream stream, DicomFile file, WriteOptions? options, CancellationToken cancellationToken)
    {
        var output = new ArrayBufferWriter<byte>(64 << 10);
        Write(output, file, options);
        await stream.WriteAsync(output.WrittenMemory, cancellationToken);
    }

    /// <summary>Writes preamble, File Meta Information and dataset.</summary>
    public static void Write(IBufferWriter<byte> output, DicomFile file, WriteOptions? options = null)
    {
        options ??= WriteOptions.Default;
        if (options.KeepEverything)
        {
            if (!file.Preamble.IsEmpty)
            {
                output.Write(file.Preamble.Span);
                output.Write("DICM"u8);
            }

            new DatasetWriter(output, true, false, options).Write(file.FileMeta);
        }
        else
        {
            Preamble(output, file.Preamble.Span);
            FileMeta(output, file.Dataset.GetString(DicomTags.SOPClassUID) ?? file.FileMeta.GetString(DicomTags.MediaStorageSOPClassUID) ?? "",
                file.Dataset.GetString(DicomTags.SOPInstanceUID) ?? file.FileMeta.GetString(DicomTags.MediaStorageSOPInstanceUID) ?? "", file.Syntax, options.SourceAeTitle);
        }

        WriteDataset(output, file.Dataset, file.Syntax, options);
    }

    /// <summary>Writes a dataset without File Meta Information.</summary>
    /// <exception cref="ArgumentException">A value is only referred to, or the syntax does not fit the pixel data.</exception>
    public static void WriteDataset(IBufferWriter<byte> output, DicomDataset dataset, TransferSyntax syntax, WriteOptions? options = null)
    {
        options ??= WriteOptions.Default;
        var encapsulated = dataset.TryGet(DicomTags.PixelData, out var pixels) && pixels.Fragments is not null;
        if (encapsulated && syntax.IsKnown && !syntax.IsEncapsulated && !options.KeepEverything)
            throw new ArgumentException($"Encapsulated pixel data cannot be written in {syntax.Name}.", nameof(syntax));
        if (!syntax.IsDeflated)
        {
            new DatasetWriter(output, syntax.IsExplicit, syntax.IsBigEndian, options).Write(dataset);
            return;
        }

        var plain = new ArrayBufferWriter<byte>(4096);
        new DatasetWriter(plain, true, false, options).Write(dataset);
        using var packed = new MemoryStream();
        using (var deflate = new DeflateStream(packed, CompressionLevel.Optimal, leaveOpen: true)) deflate.Write(plain.WrittenSpan);
        if ((packed.Length & 1) != 0) packed.WriteByte(0);
        output.Write(packed.GetBuffer().AsSpan(0, (int)packed.Length));
    }

    /// <summary>132 bytes: a preamble is kept when it is a TIFF header, else it is zero.</summary>
    internal static void Preamble(IBufferWriter<byte> output, ReadOnlySpan<byte> source)
    {
        var span = output.GetSpan(132)[..132];
        span.Clear();
        if (source.Length == 128 && DicomReader.IsTiff(source)) source.CopyTo(span);
        "DICM"u8.CopyTo(span[128..]);
        output.Advance(132);
    }

    /// <summary>File Meta Information of our own (PS3.10 7.1). Malformed UIDs pass as they are.</summary>
    internal static void FileMeta(IBufferWriter<byte> output, string sopClass, string sopInstance, TransferSyntax syntax, string? sourceAeTitle)
    {
        var meta = new DicomDataset()
            .Set(DicomTags.FileMetaInformationVersion, Vr.OB, new byte[] { 0, 1 })
            .Set(DicomTags.MediaStorageSOPClassUID, Vr.UI, Encoding.Latin1.GetBytes(sopClass))
            .Set(DicomTags.MediaStorageSOPInstanceUID, Vr.UI, Encoding.Latin1.GetBytes(sopInstance))
            .Set(DicomTags.TransferSyntaxUID, Vr.UI, Encoding.Latin1.GetBytes(syntax.Uid))
            .Set(DicomTags.ImplementationClassUID, DicomUids.ImplementationClassUid)
            .Set(DicomTags.ImplementationVersionName, DicomUids.ImplementationVersionName);
        if (sourceAeTitle is not null) meta.Set(DicomTags.SourceApplicationEntityTitle, sourceAeTitle);
        var body = new ArrayBufferWriter<byte>(256);
        new DatasetWriter(body, true, false, WriteOptions.Default).Write(meta);
        var length = new DicomDataset().Set(DicomTags.FileMetaInformationGroupLength, (double)body.WrittenCount);
        new DatasetWriter(output, true, false, WriteOptions.AsRead).Write(length);
        output.Write(body.WrittenSpan);
    }
}
