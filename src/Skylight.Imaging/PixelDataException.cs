namespace Skylight.Imaging;

/// <summary>Pixel data, or the attributes that describe them, cannot be decoded. The message names what is wrong; it holds no attribute values of the patient.</summary>
public sealed class PixelDataException : Exception
{
    public PixelDataException(PixelDataError code, string message) : base(message) => Code = code;

    public PixelDataException(PixelDataError code, string message, Exception inner) : base(message, inner) => Code = code;

    public PixelDataError Code { get; }
}

public enum PixelDataError
{
    /// <summary>Rows, columns, samples or bits are missing, contradict each other, or are not of this standard.</summary>
    BadAttributes,

    /// <summary>The compressed stream is damaged.</summary>
    BadStream,

    /// <summary>The data end before the last sample.</summary>
    Truncated,

    /// <summary>The stream describes another image than the dataset.</summary>
    Mismatch,

    /// <summary>A transfer syntax, process or layout that this library does not decode or encode.</summary>
    Unsupported,

    /// <summary>A native library is not installed; the message names the Debian package.</summary>
    MissingLibrary,

    /// <summary>Larger than the caller's limit.</summary>
    TooLarge,
}
