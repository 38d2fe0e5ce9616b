using System.Buffers;
using Skylight.Dicom;
using Skylight.Imaging.Display;

namespace Skylight.Imaging;

/// <summary>
/// The pixels of one DICOM file, any frame alone. The file is inspected once; after that a frame costs one read of its own bytes, except in deflated and
/// big-endian files, whose pixel data are held in memory.
/// </summary>
public sealed class DicomImage : IDisposable
{
    private readonly Stream _file;
    private readonly string _syntax;
    private readonly bool _encapsulated;
    private readonly FrameTable _frames;
    private readonly ReadOnlyMemory<byte> _pixels;

    private DicomImage(Stream file, InspectedInstance inspected, ReadOnlyMemory<byte> pixels)
    {
        _file = file;
        _syntax = inspected.Syntax.Uid;
        _encapsulated = inspected.Syntax.IsEncapsulated;
        _frames = inspected.Frames;
        _pixels = pixels;
        Dataset = inspected.Readable;
        Layout = ReadLayout(Dataset);
    }

    /// <summary>The header; pixel data are not in it.</summary>
    public DicomDataset Dataset { get; }

    /// <summary>As the dataset declares it: checked, with the frames that are really there.</summary>
    public PixelLayout Layout { get; }

    /// <summary>Inspects a seekable stream, which the image then owns.</summary>
    /// <exception cref="DicomFormatException">Not a DICOM file.</exception>
    /// <exception cref="PixelDataException">It has no pixel data, or attributes that contradict each other.</exception>
    public static DicomImage Open(Stream file)
    {
        try
        {
            using var inspector = new InstanceInspector(new InspectOptions { MaxInlineBytes = 16 << 20, AllowTruncated = true, HasDigests = false });
            var buffer = ArrayPool<byte>.Shared.Rent(1 << 18);
            try
            {
                for (int n; (n = file.Read(buffer)) > 0;) inspector.Append(buffer.AsSpan(0, n));
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }

            var inspected = inspector.Complete();
            if (inspected.Frames.Kind == FrameTableKind.None) throw new PixelDataException(PixelDataError.BadAttributes, "The file has no pixel data.");
            return new DicomImage(file, inspected, inspected.Frames.Kind == FrameTableKind.Decode ? ReadPixels(file) : default);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Stored values of frame <paramref name="index"/> (from 0), little endian, colour by pixel, into at least <c>Layout.FrameBytes</c> bytes.</summary>
    /// <returns>The layout of what was written.</returns>
    public PixelLayout ReadFrame(int index, Span<byte> destination)
    {
        if (index < 0 || index >= Layout.Frames) throw new ArgumentOutOfRangeException(nameof(index), $"Frame {index + 1} of {Layout.Frames}.");
        if (_frames.Kind == FrameTableKind.Decode) return Native(index, _pixels.Span, destination);
        var range = _frames.GetFrame(index) ?? throw new PixelDataException(PixelDataError.Truncated, $"Frame {index + 1} lies beyond the end of the file.");
        if (range.Length > int.MaxValue) throw new PixelDataException(PixelDataError.TooLarge, $"Frame {index + 1} has {range.Length} bytes.");
        var bytes = ArrayPool<byte>.Shared.Rent((int)range.Length);
        try
        {
            var at = 0;
            foreach (var part in range.Ranges)
            {
                _file.Position = part.Offset;
                at += _file.ReadAtLeast(bytes.AsSpan(at, (int)part.Length), (int)part.Length, throwOnEndOfStream: false);
            }

            var frame = bytes.AsSpan(0, at);
            return _encapsulated ? FrameCodec.Decode(_syntax, Layout, frame, destination) : FrameCodec.Native(Layout, frame, range.BitOffset, bigEndian: false, destination);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    /// <summary>Frame <paramref name="index"/> as it is shown, overlays of the image burnt in.</summary>
    public RenderedFrame Render(int index, RenderOptions options)
    {
        var stored = ArrayPool<byte>.Shared.Rent(Layout.FrameBytes);
        try
        {
            var layout = ReadFrame(index, stored);
            return Renderer.Render(stored.AsSpan(0, layout.FrameBytes), layout, DisplaySettings.Read(Dataset, layout, index), options);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(stored);
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Image Pixel attributes (PS3.3 C.7.6.3).</summary>
    public static PixelLayout ReadLayout(DicomDataset dataset)
    {
        var isFloat = dataset.Contains(DicomTags.FloatPixelData) || dataset.Contains(DicomTags.DoubleFloatPixelData);
        var allocated = dataset.GetInt32(DicomTags.BitsAllocated) ?? 0;
        var stored = isFloat ? allocated : dataset.GetInt32(DicomTags.BitsStored) ?? allocated;
        return new PixelLayout
        {
            Rows = dataset.GetInt32(DicomTags.Rows) ?? 0,
            Columns = dataset.GetInt32(DicomTags.Columns) ?? 0,
            SamplesPerPixel = dataset.GetInt32(DicomTags.SamplesPerPixel) ?? 1,
            BitsAllocated = allocated,
            BitsStored = stored,
            HighBit = isFloat ? allocated - 1 : dataset.GetInt32(DicomTags.HighBit) ?? stored - 1,
            Signed = dataset.GetInt32(DicomTags.PixelRepresentation) == 1,
            PlanarConfiguration = dataset.GetInt32(DicomTags.PlanarConfiguration) ?? 0,
            Photometric = dataset.GetString(DicomTags.PhotometricInterpretation) ?? "MONOCHROME2",
            Float = isFloat,
            Frames = dataset.GetInt32(DicomTags.NumberOfFrames) is > 0 and var frames ? frames : 1,
        }.Validate();
    }

    private PixelLayout Native(int index, ReadOnlySpan<byte> pixels, Span<byte> destination)
    {
        // 422 halves the chroma: fewer bytes lie in the file than a decoded frame has.
        var bits = Layout.Photometric is "YBR_FULL_422" or "YBR_PARTIAL_422" && Layout.SamplesPerPixel == 3
            ? (long)Layout.PixelCount * 2 * Layout.BitsAllocated
            : (long)Layout.PixelCount * Layout.SamplesPerPixel * Layout.BitsAllocated;
        var first = bits * index;
        var last = ((first + bits) + 7) / 8;
        if (last > pixels.Length) throw new PixelDataException(PixelDataError.Truncated, $"Frame {index + 1} lies beyond the {pixels.Length} bytes of pixel data.");
        return FrameCodec.Native(Layout, pixels[(int)(first / 8)..(int)last], (int)(first % 8), bigEndian: false, destination);
    }

    /// <summary>The whole pixel data value, little endian.</summary>
    private static ReadOnlyMemory<byte> ReadPixels(Stream file)
    {
        file.Position = 0;
        using var bytes = new MemoryStream();
        file.CopyTo(bytes);
        var whole = DicomFile.Read(bytes.GetBuffer().AsSpan(0, (int)bytes.Length), new ReadOptions { MaxInlineBytes = long.MaxValue });
        foreach (var tag in new[] { DicomTags.PixelData, DicomTags.FloatPixelData, DicomTags.DoubleFloatPixelData })
        {
            if (!whole.Dataset.TryGet(tag, out var element) || element.Fragments is not null) continue;
            if (!whole.Syntax.IsBigEndian || element.Vr != Vr.OW || whole.Dataset.GetInt32(DicomTags.BitsAllocated) != 32) return element.Value;
            // The reader turns OW around word by word; a big-endian 32-bit sample has its words the wrong way round as well.
            var samples = element.Value.ToArray();
            for (var at = 0; at + 4 <= samples.Length; at += 4) (samples[at], samples[at + 1], samples[at + 2], samples[at + 3]) = (samples[at + 2], samples[at + 3], samples[at], samples[at + 1]);
            return samples;
        }

        throw new PixelDataException(PixelDataError.Unsupported, "The fragments of the pixel data cannot be assigned to frames.");
    }
}
