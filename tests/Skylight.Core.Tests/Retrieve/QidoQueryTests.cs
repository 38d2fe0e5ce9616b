using FsCheck;
using FsCheck.Fluent;
using Skylight.Core.Retrieve;

namespace Skylight.Core.Tests.Retrieve;

public sealed class QidoQueryTests
{
    [Fact]
    public void Parse_ViewersQuestion_IsUnderstood()
    {
        var query = Good(QidoLevel.Study, ("limit", "101"), ("offset", "0"), ("fuzzymatching", "false"), ("includefield", "00081030,00080060"), ("StudyInstanceUID", "1.2.3"));

        Assert.Equal((101, 0), (query.Limit, query.Offset));
        Assert.Superset(new HashSet<uint> { 0x00081030, 0x00080060 }, query.IncludeFields.ToHashSet());
        Assert.Equal(["1.2.3"], query.On(QidoAttribute.StudyInstanceUid)!.Values);
        Assert.Empty(query.Warnings);
    }

    [Fact]
    public void Parse_KeywordOrTag_IsTheSameKey()
    {
        Assert.Equal(["P1"], Good(QidoLevel.Study, ("00100020", "P1")).On(QidoAttribute.PatientId)!.Values);
        Assert.Equal(["P1"], Good(QidoLevel.Study, ("PatientID", "P1")).On(QidoAttribute.PatientId)!.Values);
        Assert.Contains("given twice", Bad(QidoLevel.Study, ("00100020", "P1"), ("PatientID", "P1")), StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_UidLists_AreJoined()
    {
        var query = Good(QidoLevel.Study, ("StudyInstanceUID", "1.2,1.3"), ("StudyInstanceUID", @"1.4\1.5"));
        Assert.Equal(["1.2", "1.3", "1.4", "1.5"], query.On(QidoAttribute.StudyInstanceUid)!.Values);
        Assert.Contains("not a UID", Bad(QidoLevel.Study, ("StudyInstanceUID", "1.2.*")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("limit", "-1")]
    [InlineData("limit", "ten")]
    [InlineData("offset", "99999999999")]
    [InlineData("fuzzymatching", "yes")]
    [InlineData("StudyDate", "2024")]
    [InlineData("StudyDate", "20241301")]
    [InlineData("StudyDate", "-")]
    [InlineData("StudyTime", "9am")]
    [InlineData("StudyTime", "25")]
    [InlineData("includefield", "nonsense")]
    [InlineData("foo", "bar")]
    [InlineData("Patient Name", "x")]
    public void Parse_Malformed_IsRefusedWithoutItsValue(string name, string value)
    {
        var error = Bad(QidoLevel.Study, (name, value));
        if (value.Length > 1) Assert.DoesNotContain(value, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_UnsupportedKeys_AreLeftOutWithAWarning()
    {
        var query = Good(QidoLevel.Study, ("PatientWeight", "70"), ("00400275.00400009", "S1"), ("SOPInstanceUID", "1.2"), ("fuzzymatching", "true"));

        Assert.Empty(query.Matches);
        Assert.Equal(2, query.Warnings.Count);
        Assert.Contains("00400275.00400009, PatientWeight, SOPInstanceUID", query.Warnings[0], StringComparison.Ordinal);
        Assert.Contains("fuzzymatching", query.Warnings[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_EmptyOrStars_MatchesAllAndReturnsTheAttribute()
    {
        var query = Good(QidoLevel.Study, ("PatientName", "*"), ("StudyDescription", ""), ("ModalitiesInStudy", ""));
        Assert.Empty(query.Matches);
        Assert.Contains(0x00081030u, query.IncludeFields);
    }

    [Fact]
    public void Parse_NoLimit_IsTheLargestAllowed()
    {
        Assert.Equal(QidoLimits.MaxStudies, Good(QidoLevel.Study).Limit);
        Assert.Equal(QidoLimits.MaxStudies, Good(QidoLevel.Study, ("limit", "1000000")).Limit);
        Assert.Equal(0, Good(QidoLevel.Series, ("limit", "0")).Limit);
        Assert.True(Good(QidoLevel.Series, ("includefield", "all")).IncludeAll);
    }

    [Theory]
    [InlineData("PatientName", "Wang*", "Wang^Xiaodong=王^小东=", true)]
    [InlineData("PatientName", "wang^xiaodong", "Wang^Xiaodong=王^小东=", true)]
    [InlineData("PatientName", "王*", "Wang^Xiaodong=王^小东=", true)]
    [InlineData("PatientName", "王^小?", "Wang^Xiaodong=王^小东=", true)]
    [InlineData("PatientName", "Wang", "Wang^Xiaodong", false)]
    [InlineData("PatientName", "Wang^Xiaodong", "Wang^Xiaodong^^", true)]
    [InlineData("PatientName", "*(*", "Wang^Xiaodong", false)]
    [InlineData("PatientID", "A?1*", "AX100", true)]
    [InlineData("PatientID", "a?1*", "AX100", false)]
    [InlineData("PatientID", "A.1", "AX1", false)]
    [InlineData("StudyDate", "20240101-20240131", "20240131", true)]
    [InlineData("StudyDate", "20240101-20240131", "20240201", false)]
    [InlineData("StudyDate", "-20240131", "19700101", true)]
    [InlineData("StudyDate", "20240201-", "20240131", false)]
    [InlineData("StudyDate", "20240201", "20240201", true)]
    [InlineData("StudyDate", "20240201-", "", false)]
    [InlineData("StudyTime", "0900-1000", "100059.9", true)]
    [InlineData("StudyTime", "0900-1000", "100100", false)]
    [InlineData("StudyTime", "090000", "090000.000", true)]
    [InlineData("ModalitiesInStudy", @"CT\MR", "MR", true)]
    [InlineData("ModalitiesInStudy", "CT,MR", "CR", false)]
    [InlineData("StudyInstanceUID", "1.2,1.3", "1.3", true)]
    public void Accepts_Value_ByTheRulesOfItsKind(string key, string pattern, string candidate, bool accepted)
    {
        var match = Assert.Single(Good(QidoLevel.Study, (key, pattern)).Matches);
        Assert.Equal(accepted, match.Accepts(candidate));
    }

    [Fact]
    public void Parse_AnyParameters_AreUnderstoodOrRefused()
    {
        var names = Gen.OneOf(Gen.Elements("PatientName", "StudyDate", "StudyTime", "limit", "offset", "includefield", "00100020", "StudyInstanceUID", "fuzzymatching"), ArbMap.Default.GeneratorFor<string>().Where(s => s is not null));
        var values = Gen.OneOf(Gen.Elements("", "*", "-", "20240101-", ",", "\\", "1.2,1.3", "?", "all"), ArbMap.Default.GeneratorFor<string>().Where(s => s is not null));
        var parameters = Gen.ListOf(from n in names from v in values select KeyValuePair.Create(n, v));
        Prop.ForAll(Arb.From(parameters), list =>
        {
            var query = QidoQuery.Parse(QidoLevel.Study, list, Resolve, out var error);
            foreach (var match in query?.Matches ?? []) match.Accepts("anything");
            return (query is null) == (error is not null);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void TryParseAccept_AnyText_IsUnderstoodOrRefused()
    {
        var pieces = Gen.Elements("multipart/related", "*/*", ";", "type=", "\"", "application/dicom", ",", "q=0.5", " ", "\\", "transfer-syntax=*", "=", "/");
        Prop.ForAll(Arb.From(Gen.ListOf(pieces)), list =>
        {
            var understood = MediaRange.TryParseAccept([string.Concat(list)], out var ranges);
            return !understood || ranges.All(r => r.Quality is >= 0 and <= 1);
        }).QuickCheckThrowOnFailure();
    }

    private static QidoQuery Good(QidoLevel level, params (string Name, string Value)[] parameters)
    {
        var query = QidoQuery.Parse(level, parameters.Select(p => KeyValuePair.Create(p.Name, p.Value)), Resolve, out var error);
        Assert.Null(error);
        return query!;
    }

    private static string Bad(QidoLevel level, params (string Name, string Value)[] parameters)
    {
        Assert.Null(QidoQuery.Parse(level, parameters.Select(p => KeyValuePair.Create(p.Name, p.Value)), Resolve, out var error));
        return error!;
    }

    private static uint? Resolve(string keyword) =>
        keyword == "PatientWeight" ? 0x00101030 : QidoAttribute.All.FirstOrDefault(a => a.Keyword == keyword)?.Tag;
}
