namespace Skylight.Dicom;

/// <summary>What a reader tolerates and how much it holds. The defaults read what hospitals send and stop what attacks.</summary>
public sealed record ReadOptions
{
    public static ReadOptions Default { get; } = new();

    /// <summary>Sequences within sequences. Default 64; deeper is <see cref="DicomErrors.TooDeep"/>.</summary>
    public int MaxDepth { get; init; } = 64;

    /// <summary>Largest value, in bytes, that is gathered whole for a sink that asks for it. Default 64 MiB; memory grows with the bytes that arrive, never with the declared length.</summary>
    public int MaxWholeValueBytes { get; init; } = 64 << 20;

    /// <summary>Bytes that all values and elements of a dataset may take in memory. Default 256 MiB; beyond is <see cref="DicomErrors.TooLarge"/>.</summary>
    public long MaxDatasetBytes { get; init; } = 256L << 20;

    /// <summary>Bytes that a deflated dataset may inflate to, pixel data included. Default 4 GiB; beyond is <see cref="DicomErrors.TooLarge"/>.</summary>
    public long MaxInflatedBytes { get; init; } = 4L << 30;

    /// <summary>Bytes of the whole input, where the caller knows them (the length of a file): a value that fits is given its memory at once. Default 0: not known.</summary>
    public long InputBytes { get; init; }

    /// <summary>A value longer than this is left out of the dataset and appears as a reference (position and length). Default: none is.</summary>
    public long MaxInlineBytes { get; init; } = long.MaxValue;

    /// <summary>Stop at pixel data (7FE0,0008/0009/0010) of the top level, without reading past it. Default false.</summary>
    public bool StopBeforePixelData { get; init; }

    /// <summary>Bytes that end too early end the dataset with a finding instead of an exception; the part of a value that is there is kept. Default false.</summary>
    public bool AllowTruncated { get; init; }

    /// <summary>Elements written as UN take the dictionary's representation, sequences among them are parsed (PS3.5 6.2.2). Default true.</summary>
    public bool ResolveUnknown { get; init; } = true;

    /// <summary>Tells the representation of private elements in Implicit VR and UN. Default none: they are UN.</summary>
    public PrivateDictionary? PrivateDictionary { get; init; }

    /// <summary>Bytes without preamble and File Meta Information are taken as a dataset when they begin like one. Default true.</summary>
    public bool AllowMissingMeta { get; init; } = true;
}
