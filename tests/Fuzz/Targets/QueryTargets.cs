using System.Text;
using Skylight.Core.Retrieve;
using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

/// <summary>QIDO-RS parameters: a query, or words for the caller; never both and never neither.</summary>
public sealed class QidoTarget : FuzzTarget
{
    public override string Name => "qido";

    public override IReadOnlyList<byte[]> Seeds { get; } =
        [.. ((string[])["PatientName=W*&StudyDate=20260101-20260131&limit=5&includefield=00081030,all", "StudyInstanceUID=1.2,3.4\\5.6&offset=10&fuzzymatching=true&ModalitiesInStudy=CT\\MR", "00100020=P1&StudyTime=-1200&ProcedureCodeSequence.CodeValue=x&accept=*"]).Select(Encoding.UTF8.GetBytes)];

    public override IReadOnlyList<byte[]> Tokens { get; } = [.. ((string[])["&", "=", "limit", "offset", "includefield", "all", "StudyDate", "-", "*", "?", "\\", ",", ".", "00080020", "99999999999", "王", "PatientID", "SeriesInstanceUID", "\u0000"]).Select(Encoding.UTF8.GetBytes)];

    public override bool Expects(Exception error) => false;

    public override long AllocationBudget(int length) => (1 << 20) + (4000L * length);

    public override long Run(byte[] input, Random random)
    {
        var pairs = Encoding.UTF8.GetString(input).Split('&').Select(p => p.Split('=', 2)).Select(p => new KeyValuePair<string, string>(p[0], p.Length > 1 ? p[1] : "")).ToList();
        var level = (QidoLevel)(input.Length % 3);
        var query = QidoQuery.Parse(level, pairs, k => DicomDictionary.TryFindKeyword(k, out var tag) ? tag.Value : null, out var error);
        FuzzFailure.Unless(query is null != error is null, "neither a query nor an error, or both");
        if (query is null) return Behaviour.Add(Behaviour.Start, new string([.. error!.Take(30)]));
        FuzzFailure.Unless(query.Limit is >= 0 and <= QidoLimits.MaxSeriesOrInstances && query.Offset >= 0, "a window that no answer can have");
        return Behaviour.Add(Behaviour.Magnitude(Behaviour.Start, query.IncludeFields.Count), query.Matches.Sum(m => m.Attribute.Tag));
    }
}

/// <summary>Accept and Content-Type: read or not, in bounded steps; weights from 0 to 1, in falling order.</summary>
public sealed class MediaRangeTarget : FuzzTarget
{
    public override string Name => "accept";

    public override IReadOnlyList<byte[]> Seeds { get; } =
        [.. ((string[])["multipart/related; type=\"application/dicom\"; transfer-syntax=*; q=0.5, application/dicom+json", "*/*;q=0.1,image/*,text/html;level=1", "multipart/related;type=application/octet-stream;boundary=\"a\\\"b\""]).Select(Encoding.ASCII.GetBytes)];

    public override IReadOnlyList<byte[]> Tokens { get; } = [.. ((string[])[";q=", ",", ";", "=", "\"", "\\", "*/*", "/", "q=1.000", "transfer-syntax=*", "type=", " ", "\t"]).Select(Encoding.ASCII.GetBytes)];

    public override bool Expects(Exception error) => false;

    public override long AllocationBudget(int length) => (1 << 20) + (4000L * length);

    public override long Run(byte[] input, Random random)
    {
        var text = Encoding.Latin1.GetString(input);
        var one = MediaRange.TryParse(text, out var media);
        FuzzFailure.Unless(one == media is not null, "read and not read");
        if (!MediaRange.TryParseAccept(text.Split('\n'), out var ranges)) return one ? 1 : 0;
        FuzzFailure.Unless(ranges.Count <= MediaRange.MaxRanges, "more ranges than allowed");
        FuzzFailure.Unless(ranges.All(r => r.Quality is >= 0 and <= 1) && ranges.Zip(ranges.Skip(1)).All(p => p.First.Quality >= p.Second.Quality), "weights out of order");
        return Behaviour.Add(Behaviour.Magnitude(Behaviour.Start, ranges.Count), ranges.Sum(r => r.Parameters.Count));
    }
}
