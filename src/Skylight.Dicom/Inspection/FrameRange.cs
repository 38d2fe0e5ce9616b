namespace Skylight.Dicom;

/// <summary>How frames are found.</summary>
public enum FrameTableKind : byte
{
    /// <summary>There is no pixel data.</summary>
    None = 0,

    /// <summary>Each frame is one or more byte ranges of the file.</summary>
    Bytes = 1,

    /// <summary>Each frame is a bit range of the file: 1-bit pixels whose frames do not fill whole bytes.</summary>
    Bits = 2,

    /// <summary>Frames are not ranges of the file: the dataset is deflated or big endian, or fragments cannot be assigned to frames.</summary>
    Decode = 3,
}

/// <summary>Bytes of the file.</summary>
public readonly record struct FileRange(long Offset, long Length);

/// <summary>Where one frame lies.</summary>
/// <param name="Ranges">In order; more than one when fragments of a frame are apart.</param>
/// <param name="BitOffset">Bits to leave out at the start of the first byte (least significant bit first, PS3.5 8.1.1); 0 for byte ranges.</param>
/// <param name="BitLength">Bits of the frame; 0 for byte ranges.</param>
public sealed record FrameRange(IReadOnlyList<FileRange> Ranges, int BitOffset = 0, long BitLength = 0)
{
    public long Length => Ranges.Sum(r => r.Length);
}
