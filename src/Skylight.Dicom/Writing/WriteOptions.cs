namespace Skylight.Dicom;

/// <summary>How sequences and items get their ends.</summary>
public enum LengthEncoding
{
    /// <summary>As they were read; built ones get lengths.</summary>
    Preserve,

    /// <summary>Delimiters everywhere.</summary>
    Undefined,

    /// <summary>Lengths everywhere.</summary>
    Defined,
}

/// <summary>How a file is written.</summary>
public sealed record WriteOptions
{
    public static WriteOptions Default { get; } = new();

    /// <summary>Writes back what was read: preamble, File Meta Information, group lengths, odd lengths. For proof that nothing changed.</summary>
    public static WriteOptions AsRead { get; } = new() { KeepEverything = true };

    public LengthEncoding Lengths { get; init; } = LengthEncoding.Preserve;

    /// <summary>See <see cref="AsRead"/>. Default false: fresh File Meta Information, preamble zero unless it is a TIFF header, no group lengths, even lengths.</summary>
    public bool KeepEverything { get; init; }

    /// <summary>(0002,0016), when not null.</summary>
    public string? SourceAeTitle { get; init; }
}
