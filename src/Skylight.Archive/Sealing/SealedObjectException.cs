namespace Skylight.Archive.Sealing;

/// <summary>Why a sealed object was refused.</summary>
public enum SealedFault
{
    /// <summary>It does not begin with the magic of a sealed object.</summary>
    NotSealed,

    /// <summary>Its format version is not one this reader accepts.</summary>
    UnsupportedVersion,

    /// <summary>Its algorithm number is not known.</summary>
    UnknownAlgorithm,

    /// <summary>A header field is out of range.</summary>
    BadHeader,

    /// <summary>It is a sealed object of another type than was asked for.</summary>
    WrongType,

    /// <summary>It is not the object that its name says: another object was put in its place.</summary>
    WrongObject,

    /// <summary>It ends before its last segment does.</summary>
    Truncated,

    /// <summary>Bytes follow its last segment, or its length is one no sealed object has.</summary>
    WrongLength,

    /// <summary>A segment does not authenticate: altered, swapped, repeated, foreign, cut, or sealed under another key.</summary>
    NotAuthentic,

    /// <summary>It authenticates, but its content is not of a version or shape this reader accepts.</summary>
    BadContent,
}

/// <summary>A sealed object is damaged or not the one that was meant. No byte of the segment concerned has been returned.</summary>
public sealed class SealedObjectException(string name, long segment, SealedFault fault)
    : IOException(segment < 0 ? $"Sealed object '{name}', header: {Words(fault)}." : $"Sealed object '{name}', segment {segment}: {Words(fault)}.")
{
    /// <summary>The segment number that stands for the header.</summary>
    public const long Header = -1;

    /// <summary>The object's name in its store.</summary>
    public string Name { get; } = name;

    /// <summary>The number of the segment, from 0; <see cref="Header"/> for the header.</summary>
    public long Segment { get; } = segment;

    public SealedFault Fault { get; } = fault;

    private static string Words(SealedFault fault) => fault switch
    {
        SealedFault.NotSealed => "this is not a sealed object",
        SealedFault.UnsupportedVersion => "the format version is not supported",
        SealedFault.UnknownAlgorithm => "the algorithm is not known",
        SealedFault.BadHeader => "a header field is out of range",
        SealedFault.WrongType => "the object is of another type than was asked for",
        SealedFault.WrongObject => "another object stands under this name",
        SealedFault.Truncated => "the object is cut short",
        SealedFault.WrongLength => "the object has a length that it cannot have",
        SealedFault.NotAuthentic => "the segment does not authenticate (altered, moved, foreign, or under another key)",
        _ => "the content is not of a supported version or shape",
    };
}
