using System.Text;

namespace Skylight.Core.Ingest.Containers;

/// <summary>What a file is by its first bytes.</summary>
internal enum FileKind
{
    /// <summary>A DICOM file, or anything else that only a full look can tell.</summary>
    Other,
    Part10,
    Zip,
    Gzip,
    Tar,
}

internal static class FileKinds
{
    /// <summary>One TAR header.</summary>
    public const int HeadBytes = 512;

    public static FileKind Of(ReadOnlySpan<byte> head)
    {
        if (head.Length >= 132 && head.Slice(128, 4).SequenceEqual("DICM"u8)) return FileKind.Part10;
        if (head.StartsWith("PK\u0003\u0004"u8) || head.StartsWith("PK\u0005\u0006"u8)) return FileKind.Zip;
        if (head.Length >= 3 && head[0] == 0x1F && head[1] == 0x8B && head[2] == 8) return FileKind.Gzip;
        return IsTar(head) ? FileKind.Tar : FileKind.Other;
    }

    /// <summary>A TAR header by its checksum, which the oldest form without a magic has too (POSIX.1-1988 10.1.1).</summary>
    private static bool IsTar(ReadOnlySpan<byte> head)
    {
        if (head.Length < HeadBytes || head[0] == 0) return false;
        var digits = Encoding.ASCII.GetString(head.Slice(148, 8)).Trim('\0', ' ');
        if (digits.Length is 0 or > 7 || digits.AsSpan().ContainsAnyExceptInRange('0', '7')) return false;
        var expected = Convert.ToInt32(digits, 8);
        var sum = 8 * ' ';
        for (var i = 0; i < HeadBytes; i++)
            if (i is < 148 or >= 156) sum += head[i];
        return sum == expected;
    }
}
