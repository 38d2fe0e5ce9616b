namespace Skylight.Dicom;

/// <summary>Where a bulk value can be fetched; null: write it inline when it is in memory, else leave the value out.</summary>
/// <param name="path">Tags and item numbers: "7FE00010", "54000100/0/54001010".</param>
/// <param name="element">The element, possibly a reference only.</param>
public delegate string? BulkDataUri(string path, DicomElement element);

/// <summary>How DICOM JSON is written.</summary>
public sealed record JsonOptions
{
    public static JsonOptions Default { get; } = new();

    /// <summary>Asked for every OB, OD, OF, OL, OV, OW and UN value longer than <see cref="MaxInlineBytes"/>, and for every value that is a reference.</summary>
    public BulkDataUri? BulkDataUri { get; init; }

    /// <summary>Values up to this length are InlineBinary. Default 1,024 bytes; without a <see cref="BulkDataUri"/> everything in memory is.</summary>
    public int MaxInlineBytes { get; init; } = 1024;

    /// <summary>Writes pixel data, and other values that are neither in memory nor have a URI, as elements without value. Default false: they are left out.</summary>
    public bool KeepMissingValues { get; init; }
}
