namespace Skylight.Dicom;

/// <summary>The bytes cannot be read as DICOM. The only exception that hostile input causes.</summary>
/// <remarks>The message carries no value of the dataset.</remarks>
public sealed class DicomFormatException : Exception
{
    public DicomFormatException(string code, long position, string path, string message)
        : base(path.Length == 0 ? $"{message} ({code} at byte {position})" : $"{message} ({code} at byte {position} in {path})")
    {
        Code = code;
        Position = position;
        Path = path;
    }

    /// <summary>Stable: one of <see cref="DicomErrors"/>.</summary>
    public string Code { get; }

    /// <summary>Byte in the file (in the inflated dataset when deflated) where the reader stood.</summary>
    public long Position { get; }

    /// <summary>Where in the nesting, as "(0040,A730)[2].(0008,0100)"; empty before the dataset.</summary>
    public string Path { get; }
}

/// <summary>What is fatal whatever the options. Everything else is a finding.</summary>
public static class DicomErrors
{
    /// <summary>No preamble, no File Meta Information and nothing that looks like a dataset.</summary>
    public const string NotDicom = "not-dicom";

    /// <summary>The bytes end inside an element, item or sequence. <see cref="ReadOptions.AllowTruncated"/> turns it into a finding.</summary>
    public const string Truncated = "truncated";

    /// <summary>A length that no element of this kind can have.</summary>
    public const string BadLength = "bad-length";

    /// <summary>Something other than an item where an item must be, without a length to skip by.</summary>
    public const string BadSequence = "bad-sequence";

    /// <summary>Sequences nested deeper than <see cref="ReadOptions.MaxDepth"/>.</summary>
    public const string TooDeep = "too-deep";

    /// <summary>A value that must be held whole, or the dataset, is larger than the options allow.</summary>
    public const string TooLarge = "too-large";

    /// <summary>The deflated stream is damaged.</summary>
    public const string BadDeflate = "bad-deflate";

    /// <summary>JSON that is not DICOM JSON.</summary>
    public const string BadJson = "bad-json";

    /// <summary>The dataset cannot be written in the syntax asked for.</summary>
    public const string BadSyntax = "bad-syntax";
}
