using Skylight.Core.Catalog;
using Skylight.Local.Catalog;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Tests.Catalog;

/// <summary>Searches among so many studies that streams pass over one another, under limits that make each way of deciding happen.</summary>
public sealed class StudySearchTests : IAsyncDisposable
{
    private const string Institution = "hospital-a";
    private const int Studies = 3_000;

    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly SqliteDatabase _database;

    public StudySearchTests() => _database = SqliteDatabase.Open(Path.Combine(_folder, "catalog.db"), SqliteDurability.Full, SqliteCatalog.Schema);

    [Theory]
    [InlineData(300, 100, 2500)]
    [InlineData(300, 0, 2500)]
    [InlineData(1, 0, 0)]
    [InlineData(1, 0, 100_000)]
    [InlineData(20, 10, 50)]
    public async Task Query_OfAnyConditions_AgreesWithTheFilter_InOrder(int trial, int soon, int gathered)
    {
        var random = new Random(41);
        var studies = Enumerable.Range(0, Studies).Select(n => Study(n, random)).ToList();
        var catalog = new SqliteCatalog(_database) { Limits = new SearchLimits { Soon = soon, Trial = trial, ListTrial = Math.Min(trial, 20), LeastGathered = gathered, MostGathered = gathered } };
        await catalog.LoadAsync(studies, default);
        var sorted = studies.Select((study, n) => (study, n)).OrderByDescending(s => StudyFilter.SortKey(s.study.Attributes), StringComparer.Ordinal).ThenByDescending(s => s.n).Select(s => s.study).ToList();
        for (var round = 0; round < 60; round++)
        {
            var query = Query(random);
            var expected = sorted.Where(study => StudyFilter.Matches(query, study)).Select(study => study.StudyKey).ToList();
            Assert.Equal(expected.Take(70), await PagesAsync(catalog, query, 35, 2));
            if (round % 6 == 0) Assert.Equal(expected, await PagesAsync(catalog, query with { ScanLimit = 100 }, 40, int.MaxValue));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<List<string>> PagesAsync(SqliteCatalog catalog, StudyQuery query, int size, int pages)
    {
        var seen = new List<string>();
        string? continuation = null;
        do
        {
            var page = await catalog.QueryStudiesAsync(Institution, query, size, 0, continuation, default);
            seen.AddRange(page.Items.Select(study => study.StudyKey));
            continuation = page.Continuation;
        }
        while (continuation is not null && --pages > 0);
        return seen;
    }

    private static StudyQuery Query(Random random)
    {
        string? Maybe(params string[] values) => random.Next(2) == 0 ? values[random.Next(values.Length)] : null;
        return new StudyQuery
        {
            PatientName = Maybe("l*", "li*", "wang*", "w*", "ou*", "*^x*", "li^x*", "王*", "*建*", "li?", "wangxi*", "*i*", "q*"),
            PatientId = Maybe("P1*", "P12*", "P1", "*7"),
            ModalitiesInStudy = Maybe("CT", "MG", "CT,MG", "DX,US,XA") is { } modalities ? modalities.Split(',') : [],
            StudyDate = Maybe("20260101-20260103", "20260110-", "-20260105") is { } date ? DicomRange.Parse(date) : null,
            PatientSex = random.Next(6) == 0 ? "F" : null,
            Scope = random.Next(5) == 0 ? new StudyScope([.. Enumerable.Range(0, random.Next(2) == 0 ? 10 : 200).Select(n => $"patient{n * 3}")], ["key00001"]) : StudyScope.All,
        };
    }

    private static StudyDocument Study(int n, Random random)
    {
        string[] names = ["Li^Xiao=李^晓", "Lin^Wei=林^伟", "Wang^Jian=王^建", "Wangxi^Lan", "Wu^Yi=吴^一", "Liu^Xin^^Dr", "Ouyang^Na=欧阳^娜", "Smith^John"];
        string[] modalities = ["CT", "MR", "DX", "US", "XA"];
        var now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var modality = random.Next(30) == 0 ? "MG" : modalities[random.Next(modalities.Length)];
        return StudyChange.Of(null, new StudyDocument
        {
            Institution = Institution,
            StudyKey = $"key{n:D5}",
            StudyInstanceUid = $"2.25.{n}",
            PatientKey = $"patient{n / 4}",
            Attributes = new StudyAttributes
            {
                PatientName = names[random.Next(10) == 0 ? 6 + random.Next(2) : random.Next(6)],
                PatientId = $"P{random.Next(400)}",
                PatientSex = random.Next(2) == 0 ? "M" : "F",
                // Some share the very second, some have no date: there the number decides.
                StudyDate = random.Next(40) == 0 ? null : $"202601{random.Next(1, 20):D2}",
                StudyTime = random.Next(3) == 0 ? "1200" : $"{random.Next(24):D2}{random.Next(60):D2}",
                Modalities = [modality],
            },
            State = StudyState.Complete,
            CreatedAt = now,
            ReceivedAt = now,
            Series = [new SeriesRecord { SeriesKey = $"s{n}", SeriesInstanceUid = $"2.25.{n}.1", Attributes = new SeriesAttributes { Modality = modality }, Instances = 1 }],
        }, []).Document;
    }
}
