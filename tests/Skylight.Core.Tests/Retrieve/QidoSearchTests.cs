using System.Text.Json;
using Skylight.Core.Access;
using Skylight.Core.Catalog;
using Skylight.Core.Retrieve;
using Skylight.Dicom;
using Skylight.Local.Catalog;
using Skylight.Local.Sqlite;

namespace Skylight.Core.Tests.Retrieve;

public sealed class QidoSearchTests : IAsyncLifetime
{
    private const string A = "hospital-a";
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly SqliteDatabase _database;
    private readonly SqliteCatalog _catalog;
    private readonly QidoSearch _search;

    public QidoSearchTests()
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "catalog.db"), SqliteDurability.Full, SqliteCatalog.Schema);
        _catalog = new SqliteCatalog(_database);
        // Searches for studies and series never read an index.
        _search = new QidoSearch(_catalog, reader: null!);
    }

    public async ValueTask InitializeAsync()
    {
        await PutAsync(1, "Zhang^Wei=张^伟", "20260101", ("CT", "1", 60), ("CT", "2", 60));
        await PutAsync(2, "Li^Na=李^娜", "20260102", ("MR", "1", 24), ("SR", "2", 1));
        await PutAsync(3, "Müller^Jürgen", "20260103", ("CR", "1", 1));
        await PutAsync(4, "Chen^Jing", "20260104", ("CT", "1", 1), ("PR", "9", 0));
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Studies_AreNewestFirstWithinTheWindow()
    {
        var answer = await SearchAsync(QidoLevel.Study, QidoWithin.All, AccessScope.All, ("limit", "2"), ("offset", "1"));
        Assert.Equal(["1.3", "1.2"], answer!.Hits.Select(h => h.Study.StudyInstanceUid));
        Assert.True(answer.More);
        Assert.False((await SearchAsync(QidoLevel.Study, QidoWithin.All, AccessScope.All, ("limit", "2"), ("offset", "2")))!.More);
    }

    [Theory]
    [InlineData("PatientName", "张*", "1.1")]
    [InlineData("PatientName", "zhang*", "1.1")]
    [InlineData("PatientName", "MÜLLER*", "1.3")]
    [InlineData("ModalitiesInStudy", "MR,CR", "1.3,1.2")]
    [InlineData("ModalitiesInStudy", "C*", "1.4,1.3,1.1")]
    [InlineData("Modality", "SR", "1.2")]
    [InlineData("SeriesDescription", "Series 2", "1.2,1.1")]
    [InlineData("StudyDate", "20260102-20260103", "1.3,1.2")]
    [InlineData("StudyInstanceUID", "1.1,1.4,9.9", "1.4,1.1")]
    [InlineData("SeriesInstanceUID", "1.2.2", "1.2")]
    [InlineData("PatientSex", "O", "")]
    public async Task Studies_ByKey_AreThoseThatMatch(string key, string value, string expected)
    {
        var answer = await SearchAsync(QidoLevel.Study, QidoWithin.All, AccessScope.All, (key, value));
        Assert.Equal(expected, string.Join(',', answer!.Hits.Select(h => h.Study.StudyInstanceUid)));
    }

    [Fact]
    public async Task Series_OfAllStudies_AreFilteredAndPaged()
    {
        var answer = await SearchAsync(QidoLevel.Series, QidoWithin.All, AccessScope.All, ("Modality", "CT"), ("offset", "1"), ("limit", "1"));
        Assert.Equal("1.1.1", Assert.Single(answer!.Hits).Series!.SeriesInstanceUid);
        Assert.True(answer.More);
    }

    [Fact]
    public async Task Series_OfOneStudy_LeaveEmptyOnesOut()
    {
        Assert.Equal(["1.4.1"], (await SearchAsync(QidoLevel.Series, new("1.4", null), AccessScope.All))!.Hits.Select(h => h.Series!.SeriesInstanceUid));
        Assert.Null(await SearchAsync(QidoLevel.Series, new("9.9", null), AccessScope.All));
        Assert.Null(await SearchAsync(QidoLevel.Instance, new("1.4", "1.4.9"), AccessScope.All));
        Assert.Empty((await SearchAsync(QidoLevel.Series, new("1.4", null), AccessScope.All, ("PatientID", "other")))!.Hits);
    }

    [Fact]
    public async Task Studies_OutsideTheScope_AreNotThere()
    {
        var scope = AccessScope.OfCare([Care("patient-2")], DateTimeOffset.UnixEpoch);
        Assert.Equal(["1.2"], (await SearchAsync(QidoLevel.Study, QidoWithin.All, scope))!.Hits.Select(h => h.Study.StudyInstanceUid));
        Assert.Equal(["1.2"], (await SearchAsync(QidoLevel.Series, QidoWithin.All, scope, ("Modality", "MR")))!.Hits.Select(h => h.Study.StudyInstanceUid));
        Assert.Empty((await SearchAsync(QidoLevel.Study, QidoWithin.All, AccessScope.Nothing))!.Hits);
    }

    [Fact]
    public async Task Result_Study_HasTheRequiredAttributes()
    {
        var query = Query(QidoLevel.Study, ("includefield", "00081030,00080060"));
        var answer = await _search.SearchAsync(A, new(null, null), query, AccessScope.All, default);
        var result = Json(QidoResult.Of(answer!.Hits[2], query, new DicomWebUrls("http://h/dicomweb"), studyInAddress: false));

        foreach (var tag in (string[])["00080005", "00080020", "00080030", "00080050", "00080056", "00080061", "00080090", "00081190", "00100010", "00100020", "00100030", "00100040", "0020000D", "00200010", "00201206", "00201208"])
            Assert.True(result.TryGetProperty(tag, out _), tag);
        Assert.Equal("""{"vr":"PN","Value":[{"Alphabetic":"Li^Na","Ideographic":"李^娜"}]}""", result.GetProperty("00100010").GetRawText());
        Assert.Equal("""{"vr":"CS","Value":["MR","SR"]}""", result.GetProperty("00080061").GetRawText());
        Assert.Equal("""{"vr":"IS","Value":[2]}""", result.GetProperty("00201206").GetRawText());
        Assert.Equal("""{"vr":"IS","Value":[25]}""", result.GetProperty("00201208").GetRawText());
        Assert.Equal("""{"vr":"PN"}""", result.GetProperty("00080090").GetRawText());
        Assert.Equal("""{"vr":"UR","Value":["http://h/dicomweb/studies/1.2"]}""", result.GetProperty("00081190").GetRawText());
    }

    [Fact]
    public async Task Result_Study_AskedForAgain_SaysTheSame_AndWhatIsDifferentThen()
    {
        var query = Query(QidoLevel.Study);
        var hit = (await _search.SearchAsync(A, QidoWithin.All, query, AccessScope.All, default))!.Hits[2];
        string Result(QidoHit hit, QidoQuery query, string address = "http://h/dicomweb", string archived = "NEARLINE") =>
            Json(QidoResult.Of(hit, query, new DicomWebUrls(address), studyInAddress: false, archived: archived)).GetRawText();

        var first = Result(hit, query);
        Assert.Equal(first, Result(hit, query));
        Assert.Equal(first.Replace("http://h/", "http://other/", StringComparison.Ordinal), Result(hit, query, "http://other/dicomweb"));
        Assert.Contains("00080060", Result(hit, Query(QidoLevel.Study, ("includefield", "Modality"))), StringComparison.Ordinal);
        Assert.Equal(first, Result(hit, query));

        var later = hit with { Study = hit.Study with { Tier = StorageTier.Archive } };
        Assert.Contains("OFFLINE", Result(later, query, archived: "OFFLINE"), StringComparison.Ordinal);
        Assert.Contains("NEARLINE", Result(later, query), StringComparison.Ordinal);
    }

    [Fact]
    public void Written_Attributes_TakeNoMore() => Assert.Throws<InvalidOperationException>(() => new DicomAttributes().Add(0x00100010, "PN", "A^B").Written().Add(0x00100020, "LO", "1"));

    [Fact]
    public async Task Result_Series_HasTheRequiredAttributes()
    {
        var query = Query(QidoLevel.Series);
        var answer = await _search.SearchAsync(A, new("1.1", null), query, AccessScope.All, default);
        var result = Json(QidoResult.Of(answer!.Hits[1], query, new DicomWebUrls("http://h/dicomweb"), studyInAddress: true));

        Assert.Equal("""{"vr":"CS","Value":["CT"]}""", result.GetProperty("00080060").GetRawText());
        Assert.Equal("""{"vr":"IS","Value":[2]}""", result.GetProperty("00200011").GetRawText());
        Assert.Equal("""{"vr":"IS","Value":[60]}""", result.GetProperty("00201209").GetRawText());
        Assert.Equal("""{"vr":"UR","Value":["http://h/dicomweb/studies/1.1/series/1.1.2"]}""", result.GetProperty("00081190").GetRawText());
        Assert.False(result.TryGetProperty("00100010", out _));
    }

    private Task<QidoAnswer?> SearchAsync(QidoLevel level, QidoWithin within, AccessScope scope, params (string, string)[] parameters) =>
        _search.SearchAsync(A, within, Query(level, parameters), scope, default);

    private static QidoQuery Query(QidoLevel level, params (string Name, string Value)[] parameters)
    {
        var query = QidoQuery.Parse(
            level, parameters.Select(p => KeyValuePair.Create(p.Name, p.Value)), k => DicomDictionary.TryFindKeyword(k, out var tag) ? tag.Value : null, out var error);
        Assert.Null(error);
        return query!;
    }

    private async Task PutAsync(int number, string name, string date, params (string Modality, string Number, int Instances)[] series) =>
        await _catalog.ApplyAsync(
            StudyChange.Of(null, new StudyDocument
            {
                Institution = A,
                StudyKey = $"key{number}",
                StudyInstanceUid = $"1.{number}",
                PatientKey = $"patient-{number}",
                Attributes = new StudyAttributes
                {
                    PatientName = name,
                    PatientId = $"P{number}",
                    PatientSex = "M",
                    StudyDate = date,
                    StudyTime = "080000",
                    Modalities = [.. series.Where(s => s.Instances > 0).Select(s => s.Modality).Distinct().Order(StringComparer.Ordinal)],
                },
                Series =
                [
                    .. series.Select(s => new SeriesRecord
                    {
                        SeriesKey = $"series{number}-{s.Number}",
                        SeriesInstanceUid = $"1.{number}.{s.Number}",
                        Attributes = new SeriesAttributes { Modality = s.Modality, SeriesNumber = s.Number, SeriesDescription = "Series " + s.Number },
                        Instances = s.Instances,
                    }),
                ],
            }, []),
            default);

    private static CareRelation Care(string patientKey) => new(
        1, "a/doctor", CareRelationKind.Treating, false, patientKey, null, DateTimeOffset.MinValue, DateTimeOffset.MaxValue, "visit", "a/clerk", DateTimeOffset.MinValue, null);

    private static JsonElement Json(DicomAttributes attributes)
    {
        var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping })) attributes.WriteTo(writer);
        return JsonDocument.Parse(stream.ToArray()).RootElement;
    }
}
