using System.Diagnostics;
using System.Globalization;
using Skylight.Core.Catalog;
using Skylight.Local.Catalog;
using Skylight.Local.Sqlite;

namespace Skylight.Benchmarks.Catalog;

/// <summary>
/// How long searches of every shape take while the catalog grows: what they cost must depend on the page that they answer, not on the number of studies.
/// </summary>
internal static class CatalogBench
{
    private const string Institution = "hospital-a";
    private const int Page = 50;

    private static readonly string[] Surnames = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何", "郭", "马", "罗"];
    private static readonly string[] Pinyin = ["Wang", "Li", "Zhang", "Liu", "Chen", "Yang", "Zhao", "Huang", "Zhou", "Wu", "Xu", "Sun", "Hu", "Zhu", "Gao", "Lin", "He", "Guo", "Ma", "Luo"];
    private const string Given = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国文志春梅海燕雪峰宇浩然子涵欣怡思远嘉琪";

    private static readonly string[] Modalities = ["CT", "MR", "DX", "US", "CR", "XA", "PT", "MG"];
    private static readonly DateOnly First = new(2016, 1, 1);

    public static async Task<int> RunAsync(string[] options)
    {
        string Option(string name, string otherwise) => Array.IndexOf(options, name) is var at and >= 0 && at + 1 < options.Length ? options[at + 1] : otherwise;
        var most = int.Parse(Option("--studies", "1000000"), CultureInfo.InvariantCulture);
        var queries = int.Parse(Option("--queries", "300"), CultureInfo.InvariantCulture);
        var only = Option("--only", "");
        var own = !options.Contains("--data");
        var folder = own ? Directory.CreateTempSubdirectory("skylight-bench-").FullName : Directory.CreateDirectory(Option("--data", "")).FullName;
        await using (var database = SqliteDatabase.Open(Path.Combine(folder, "catalog.db"), SqliteDurability.Journaled, SqliteCatalog.Schema))
        {
            var catalog = new SqliteCatalog(database);
            // A folder that is kept (--data) is not filled again.
            var done = database.Read(static connection =>
            {
                using var count = connection.CreateCommand();
                count.CommandText = "SELECT count(*) FROM studies";
                return (int)(long)count.ExecuteScalar()!;
            });
            foreach (var size in ((int[])[20_000, 200_000, 1_000_000]).Where(size => size < most && size >= done).Append(most))
            {
                if (size > done)
                {
                    await FillAsync(catalog, done, size);
                    done = size;
                    await database.CheckpointAsync(default);
                }

                await MeasureAsync(catalog, size, queries, only);
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"catalog.db {new FileInfo(Path.Combine(folder, "catalog.db")).Length / 1e6:0} MB, process {Environment.WorkingSet / 1e6:0} MB"));
        if (own) Directory.Delete(folder, recursive: true);
        return 0;
    }

    private static async Task FillAsync(SqliteCatalog catalog, int from, int to)
    {
        var clock = Stopwatch.StartNew();
        await catalog.LoadAsync(Enumerable.Range(from, to - from).Select(static n => StudyChange.Of(null, Study(n), []).Document), default);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{to} studies (filled at {(to - from) / clock.Elapsed.TotalSeconds:0} /s)"));
    }

    private static StudyDocument Study(int n)
    {
        var random = new Random(n);
        var surname = random.Next(Surnames.Length);
        var given = string.Concat(Enumerable.Range(0, 1 + random.Next(2)).Select(_ => Given[random.Next(Given.Length)]));
        var date = First.AddDays(n % 3650).ToString("yyyyMMdd", CultureInfo.InvariantCulture);
        var modality = Modalities[n % Modalities.Length];
        var now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        return new StudyDocument
        {
            Institution = Institution,
            StudyKey = Key(n),
            StudyInstanceUid = Uid(n),
            PatientKey = Key(n / 3 * 3),
            Attributes = new StudyAttributes
            {
                PatientName = $"{Pinyin[surname]}^{n % 977:D3}={Surnames[surname]}^{given}",
                PatientId = Patient(n),
                PatientSex = n % 2 == 0 ? "F" : "M",
                StudyDate = date,
                StudyTime = string.Create(CultureInfo.InvariantCulture, $"{n % 24:D2}{n % 60:D2}00"),
                AccessionNumber = Accession(n),
                StudyId = $"{n}",
                StudyDescription = "Chest routine",
                Modalities = [modality],
            },
            State = StudyState.Complete,
            CreatedAt = now,
            ReceivedAt = now,
            Series = [new SeriesRecord { SeriesKey = Key(n) + "s", SeriesInstanceUid = Uid(n) + ".1", Attributes = new SeriesAttributes { Modality = modality }, Instances = 10 }],
        };
    }

    private static string Key(int n) => string.Create(CultureInfo.InvariantCulture, $"{(uint)(n * 2654435761L):x8}{n:x8}aaaaaaaaaaaaaaaa");

    private static string Uid(int n) => string.Create(CultureInfo.InvariantCulture, $"2.25.4{n:D10}");

    private static string Patient(int n) => string.Create(CultureInfo.InvariantCulture, $"P{n / 3:D8}");

    private static string Accession(int n) => string.Create(CultureInfo.InvariantCulture, $"A{n:D9}");

    private static async Task MeasureAsync(SqliteCatalog catalog, int size, int queries, string only)
    {
        int At(int i) => (int)((i * 104_729L) % size);
        string Date(int days) => First.AddDays(days).ToString("yyyyMMdd", CultureInfo.InvariantCulture);
        (string Name, Func<int, StudyQuery> Query, int Least)[] shapes =
        [
            ("patient id", i => new StudyQuery { PatientId = Patient(At(i)) }, 1),
            ("accession number", i => new StudyQuery { AccessionNumber = Accession(At(i)) }, 1),
            ("study UID", i => new StudyQuery { StudyInstanceUids = [Uid(At(i))] }, 1),
            ("patient id, wildcard", i => new StudyQuery { PatientId = Patient(At(i))[..^1] + "*" }, 1),
            ("patient id, 3,000 studies", i => new StudyQuery { PatientId = Patient(At(i))[..^3] + "*" }, 1),
            ("name, whole (Chinese)", i => new StudyQuery { PatientName = Study(At(i)).Attributes.PatientName!.Split('=')[1] }, 1),
            ("name, prefix (pinyin)", i => new StudyQuery { PatientName = Pinyin[i % 20] + "*" }, Page),
            ("name, one letter", i => new StudyQuery { PatientName = Pinyin[i % 20][..1] + "*" }, Page),
            ("name, prefix (Chinese)", i => new StudyQuery { PatientName = Surnames[i % 20] + "*" }, Page),
            ("name, contains (Chinese)", i => new StudyQuery { PatientName = $"*{Given[i % Given.Length]}*" }, Page),
            ("name, contains (rare)", i => new StudyQuery { PatientName = $"*g^{i % 977:D3}*" }, 1),
            ("one day", i => new StudyQuery { StudyDate = new DicomRange(Date(i % 3600), Date(i % 3600)) }, 1),
            ("7 days", i => new StudyQuery { StudyDate = new DicomRange(Date(i % 3600), Date((i % 3600) + 6)) }, 1),
            ("modality in 30 days", i => new StudyQuery { ModalitiesInStudy = [Modalities[i % 8]], StudyDate = new DicomRange(Date(i % 3600), Date((i % 3600) + 29)) }, 1),
            ("rare modality and name", i => new StudyQuery { ModalitiesInStudy = ["MG"], PatientName = Pinyin[i % 20] + "*" }, 1),
            ("rare modality, one letter", i => new StudyQuery { ModalitiesInStudy = ["MG"], PatientName = Pinyin[i % 20][..1] + "*" }, 1),
            ("modality, of 500 patients", i => new StudyQuery { ModalitiesInStudy = [Modalities[i % 8]], Scope = new StudyScope([.. Enumerable.Range(i, 500).Select(n => Key(At(n) / 3 * 3))], null) }, 1),
            ("newest 50", _ => new StudyQuery(), Page),
        ];
        foreach (var (name, query, least) in shapes.Where(shape => shape.Name.Contains(only, StringComparison.Ordinal)))
        {
            await ReportAsync(name, queries, async i =>
            {
                var page = await catalog.QueryStudiesAsync(Institution, query(i), Page, 0, null, default);
                if (page.Items.Count < Math.Min(least, 1) || (least == Page && page.Items.Count != Page)) throw new InvalidDataException($"'{name}' found {page.Items.Count} studies.");
            });
        }

        if (only.Length > 0) return;
        string? next = null;
        await ReportAsync("page after page", queries, async _ =>
        {
            var page = await catalog.QueryStudiesAsync(Institution, new StudyQuery(), Page, 0, next, default);
            next = page.Continuation;
        });
        await ReportAsync("document by UID", queries, async i => _ = await catalog.GetStudyAsync(Institution, Uid(At(i + 31)), default) ?? throw new InvalidDataException("A study is missing."));
    }

    private static async Task ReportAsync(string name, int queries, Func<int, Task> query)
    {
        for (var i = 0; i < 20; i++) await query(i + 100_000);
        var times = new double[queries];
        var before = Environment.CpuUsage.TotalTime;
        for (var i = 0; i < queries; i++)
        {
            var started = Stopwatch.GetTimestamp();
            await query(i);
            times[i] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }

        // All that the process has used in the meantime, the compiler and the garbage collector included.
        var cpu = (Environment.CpuUsage.TotalTime - before).TotalMilliseconds / queries;
        Array.Sort(times);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {name,-28} p50 {times[queries / 2],7:0.00} ms   p95 {times[(int)(queries * 0.95)],7:0.00} ms   CPU {cpu,7:0.00} ms each"));
    }
}
