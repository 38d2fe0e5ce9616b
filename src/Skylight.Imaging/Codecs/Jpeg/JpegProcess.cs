namespace Skylight.Imaging.Codecs.Jpeg;

/// <summary>Which JPEG process a stream uses, told from its frame header before any decoder sees it; the rare ones are refused by name.</summary>
internal static class JpegProcess
{
    /// <summary>More scans than a progressive image of four components sensibly has: each one costs a pass over the whole image.</summary>
    private const int MaxScans = 100;

    /// <summary>Frame type and precision, checked; the size is not the dataset's business yet.</summary>
    public static (byte FrameType, int Precision) Read(ReadOnlySpan<byte> frame, PixelLayout layout)
    {
        var header = new JpegHeader();
        var at = header.ReadToScan(frame, 0);
        if (at < 0 || header.Components.Length == 0) throw new PixelDataException(PixelDataError.BadStream, "The JPEG stream has no scan.");
        if (Name(header.FrameType) is { } rare) throw new PixelDataException(PixelDataError.Unsupported, $"JPEG {rare} (SOF{header.FrameType & 15}) is not decoded.");
        JpegCheck.Matches(header.Rows, header.Columns, header.Components.Length, header.Precision, layout);
        if (Scans(frame[at..]) > MaxScans) throw new PixelDataException(PixelDataError.BadStream, $"A JPEG stream of more than {MaxScans} scans.");
        return (header.FrameType, header.Precision);
    }

    private static string? Name(byte frameType) => frameType switch
    {
        0xC5 => "differential sequential",
        0xC6 => "differential progressive",
        0xC7 => "differential lossless",
        0xC9 => "sequential with arithmetic coding",
        0xCA => "progressive with arithmetic coding",
        0xCB => "lossless with arithmetic coding",
        0xCD => "differential sequential with arithmetic coding",
        0xCE => "differential progressive with arithmetic coding",
        0xCF => "differential lossless with arithmetic coding",
        _ => null,
    };

    /// <summary>Start-of-scan markers; entropy-coded data cannot hold them, since FF is stuffed there.</summary>
    private static int Scans(ReadOnlySpan<byte> rest)
    {
        var scans = 1;
        while (scans <= MaxScans && rest.IndexOf([(byte)0xFF, (byte)0xDA]) is var at && at >= 0)
        {
            scans++;
            rest = rest[(at + 2)..];
        }

        return scans;
    }
}
