using System.Collections.Concurrent;

namespace Skylight.Dicom;

/// <summary>How a dataset is written (PS3.5 10, annex A).</summary>
public sealed class TransferSyntax
{
    private static readonly ConcurrentDictionary<string, TransferSyntax> s_known = new(StringComparer.Ordinal);

    private TransferSyntax(string uid, bool known)
    {
        Uid = uid;
        IsKnown = known;
        IsExplicit = uid != DicomUids.ImplicitVRLittleEndian;
        IsBigEndian = uid == DicomUids.ExplicitVRBigEndian;
        // The JPIP referenced and SMPTE syntaxes carry no fragments; …4.95 and …4.205 are deflated as well.
        IsDeflated = uid is DicomUids.DeflatedExplicitVRLittleEndian or "1.2.840.10008.1.2.4.95" or "1.2.840.10008.1.2.4.205";
        IsEncapsulated = known && IsExplicit && !IsBigEndian && !IsDeflated
            && uid is not (DicomUids.ExplicitVRLittleEndian or "1.2.840.10008.1.2.4.94" or "1.2.840.10008.1.2.4.204")
            && !uid.StartsWith("1.2.840.10008.1.2.7.", StringComparison.Ordinal);
        IsLossy = uid is "1.2.840.10008.1.2.4.50" or "1.2.840.10008.1.2.4.51" or "1.2.840.10008.1.2.4.81" or "1.2.840.10008.1.2.4.91" or "1.2.840.10008.1.2.4.93"
            or "1.2.840.10008.1.2.4.203" || IsVideo;
    }

    public static TransferSyntax ImplicitLittle { get; } = Of(DicomUids.ImplicitVRLittleEndian);

    public static TransferSyntax ExplicitLittle { get; } = Of(DicomUids.ExplicitVRLittleEndian);

    public static TransferSyntax ExplicitBig { get; } = Of(DicomUids.ExplicitVRBigEndian);

    public static TransferSyntax Deflated { get; } = Of(DicomUids.DeflatedExplicitVRLittleEndian);

    /// <summary>The UID, without padding.</summary>
    public string Uid { get; }

    /// <summary>A transfer syntax of the standard; private ones are read as Explicit VR Little Endian (PS3.5 10.1 demands it of new ones).</summary>
    public bool IsKnown { get; }

    public bool IsExplicit { get; }

    public bool IsBigEndian { get; }

    /// <summary>The dataset is a raw RFC 1951 stream (PS3.5 A.5).</summary>
    public bool IsDeflated { get; }

    /// <summary>Pixel data comes in fragments (PS3.5 A.4).</summary>
    public bool IsEncapsulated { get; }

    /// <summary>The scheme loses information whatever its parameters (JPEG baseline and extended, MPEG); near-lossless and irreversible-capable schemes count too.</summary>
    public bool IsLossy { get; }

    /// <summary>MPEG-2, H.264, H.265: one stream for all frames.</summary>
    public bool IsVideo => Uid.StartsWith("1.2.840.10008.1.2.4.10", StringComparison.Ordinal);

    /// <summary>Native pixel data, little endian, not deflated: frames are plain ranges of the file.</summary>
    public bool IsNative => !IsEncapsulated && !IsDeflated && !IsBigEndian;

    public string Name => DicomUids.Find(Uid)?.Name ?? Uid;

    /// <summary>Any UID: one that is not known gives a syntax with <see cref="IsKnown"/> false. Padding is removed.</summary>
    public static TransferSyntax Of(string uid)
    {
        var trimmed = uid.Trim(' ', '\0');
        if (s_known.TryGetValue(trimmed, out var syntax)) return syntax;
        var known = DicomUids.Find(trimmed)?.Kind == "Transfer Syntax";
        syntax = new TransferSyntax(trimmed, known);
        // Only the standard's own are kept, so that hostile files cannot fill the table.
        return known ? s_known.GetOrAdd(trimmed, syntax) : syntax;
    }

    public override string ToString() => Uid;
}
