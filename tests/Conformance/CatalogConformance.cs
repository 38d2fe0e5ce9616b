using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Events;
using Xunit;

namespace Skylight.Conformance;

/// <summary>What every <see cref="ICatalog"/> must do.</summary>
public abstract class CatalogConformance
{
    protected const string A = "hospital-a";
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 8, 0, 0, TimeSpan.Zero);

    protected abstract ICatalog Catalog { get; }

    /// <summary>Random searches to compare; fewer where each is a request to a slow stand-in.</summary>
    protected virtual int SearchRounds => 300;

    protected static StudyDocument Study(int number, string institution = A) => new()
    {
        Institution = institution,
        StudyKey = $"key{number:D5}",
        StudyInstanceUid = $"1.2.3.{number}",
        PatientKey = $"patient{number % 7}",
        Attributes = new StudyAttributes
        {
            PatientName = "Zhang^San=张^三",
            PatientId = $"P{number}",
            StudyDate = $"2026{1 + (number % 12):D2}{1 + (number % 28):D2}",
            StudyTime = $"{number % 24:D2}3000",
            AccessionNumber = $"ACC{number}",
            StudyId = $"S{number}",
            Modalities = ["CT"],
        },
        State = StudyState.Complete,
        CreatedAt = Now,
        ReceivedAt = Now,
        Series = [new SeriesRecord { SeriesKey = $"series{number}", SeriesInstanceUid = $"1.2.3.{number}.1", Attributes = new SeriesAttributes { Modality = "CT" }, Instances = 3 }],
    };

    protected async Task<StudyDocument> Put(StudyDocument study, params InstanceIndexRow[] rows)
    {
        var change = StudyChange.Of(null, study, rows);
        await Catalog.ApplyAsync(change, default);
        return change.Document;
    }

    private async Task<string[]> Find(StudyQuery query, int limit = 100, int offset = 0) =>
        [.. (await Catalog.QueryStudiesAsync(A, query, limit, offset, null, default)).Items.Select(study => study.StudyKey)];

    private static InstanceIndexRow Row(StudyDocument study, string sop, byte content = 1) => new()
    {
        SopInstanceUid = sop,
        SopClassUid = "1.2.840.10008.5.1.4.1.1.2",
        StudyKey = study.StudyKey,
        SeriesKey = study.Series[0].SeriesKey,
        DatasetDigest = [content, 1],
        PixelDigest = [content, 2],
        PixelDigestKind = "native",
        FileSha256 = [content, 3],
        Revision = 1,
        Trust = SourceTrust.Modality,
    };

    [Fact]
    public async Task Apply_ThenGet_ReturnsTheSameDocument()
    {
        var study = await Put(Study(1));
        var read = await Catalog.GetStudyAsync(A, study.StudyInstanceUid, default);
        Assert.Equal("1", read!.ETag);
        Assert.Equal(System.Text.Json.JsonSerializer.Serialize(study, DocumentJson.Options), System.Text.Json.JsonSerializer.Serialize(read.Value, DocumentJson.Options));
        Assert.NotNull(await Catalog.GetStudyByKeyAsync(A, study.StudyKey, default));
        Assert.Null(await Catalog.GetStudyAsync("hospital-b", study.StudyInstanceUid, default));
    }

    [Fact]
    public async Task Apply_WithStaleETag_ConflictsAndChangesNothing()
    {
        var study = await Put(Study(1));
        await Catalog.ApplyAsync(StudyChange.Of(study, study with { Level = 3 }, []), default);
        await Assert.ThrowsAsync<DocumentConflictException>(async () => await Catalog.ApplyAsync(StudyChange.Of(study, study with { Level = 2 }, [Row(study, "1.9")]), default));
        await Assert.ThrowsAsync<DocumentConflictException>(async () => await Catalog.ApplyAsync(StudyChange.Of(null, study, []), default));
        Assert.Equal(3, (await Catalog.GetStudyAsync(A, study.StudyInstanceUid, default))!.Value.Level);
        Assert.Empty(await Catalog.FindInstancesAsync(A, ["1.9"], default));
    }

    [Fact]
    public async Task Remove_TakesDocumentTermsAndRows_AndLeavesTheOthers()
    {
        var study = await Put(Study(1));
        await Catalog.ApplyAsync(StudyChange.Of(study, study, [Row(study, "1.1")]), default);
        var other = await Put(Study(2), Row(Study(2), "1.1", 2));
        await Assert.ThrowsAsync<DocumentConflictException>(async () => await Catalog.RemoveAsync(A, study.StudyKey, "1", ["1.1"], default));
        Assert.Equal(2, (await Catalog.FindInstancesAsync(A, ["1.1"], default)).Count);
        Assert.True(await Catalog.RemoveAsync(A, study.StudyKey, "2", ["1.1"], default));
        Assert.False(await Catalog.RemoveAsync(A, study.StudyKey, "2", ["1.1"], default));
        Assert.Null(await Catalog.GetStudyAsync(A, study.StudyInstanceUid, default));
        Assert.Null(await Catalog.GetStudyByKeyAsync(A, study.StudyKey, default));
        Assert.Equal([other.StudyKey], (await Catalog.FindInstancesAsync(A, ["1.1"], default)).Select(row => row.StudyKey));
        Assert.Empty(await Find(new StudyQuery { PatientId = "P1" }));
        Assert.Equal([other.StudyKey], await Find(new StudyQuery { PatientName = "*san" }));

        // The same study comes again and is a new one.
        await Put(Study(1), Row(study, "1.1"));
        Assert.Equal("1", (await Catalog.GetStudyAsync(A, study.StudyInstanceUid, default))!.ETag);
        Assert.Equal(2, (await Catalog.FindInstancesAsync(A, ["1.1"], default)).Count);
    }

    [Fact]
    public async Task FindInstances_ReturnsEveryContentOfTheUid_AndUpsertsByIdentity()
    {
        var study = await Put(Study(1));
        await Catalog.ApplyAsync(StudyChange.Of(study, study, [Row(study, "1.1"), Row(study, "1.2"), Row(study, "1.2", 2) with { Revision = 2 }]), default);
        var rows = await Catalog.FindInstancesAsync(A, ["1.2", "1.1", "1.3"], default);
        Assert.Equal(["1.1/1", "1.2/1", "1.2/2"], rows.Select(row => $"{row.SopInstanceUid}/{row.Revision}"));
        Assert.True(rows[0].SameContent([1, 1], [1, 2], "native"));
        Assert.False(rows[0].SameContent([1, 1], [1, 2], "encoded"));
        var current = (await Catalog.GetStudyAsync(A, study.StudyInstanceUid, default))!.Value;
        await Catalog.ApplyAsync(StudyChange.Of(current, current, [Row(study, "1.2") with { State = InstanceState.Superseded, ItemId = "item" }]), default);
        var changed = await Catalog.FindInstancesAsync(A, ["1.2"], default);
        Assert.Equal([(InstanceState.Superseded, "item"), (InstanceState.Current, null)], changed.Select(row => (row.State, row.ItemId)));
        Assert.Empty(await Catalog.FindInstancesAsync("hospital-b", ["1.2"], default));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1000)]
    public async Task List_WalksEveryStudyAndEveryRowOnce(int limit)
    {
        for (var i = 1; i <= 7; i++) await Put(Study(i) with { Hidden = i == 2, ProvisionalOf = i == 3 ? "key00001" : null }, Row(Study(i), $"1.{i % 3}", (byte)i));
        await Put(Study(1, "hospital-b"), Row(Study(1, "hospital-b"), "1.1"));
        var keys = new List<string>();
        while (await Catalog.ListStudyKeysAsync(A, keys.Count == 0 ? "" : keys[^1], limit, default) is { Count: > 0 } page) keys.AddRange(page);
        Assert.Equal(Enumerable.Range(1, 7).Select(i => $"key{i:D5}"), keys);
        var rows = new List<InstanceIndexRow>();
        while (await Catalog.ListInstancesAsync(A, rows.Count == 0 ? "" : rows[^1].SopInstanceUid, limit, default) is { Count: > 0 } page)
        {
            Assert.True(page.Count <= limit || page.All(row => row.SopInstanceUid == page[0].SopInstanceUid));
            rows.AddRange(page);
        }

        Assert.Equal(["1.0", "1.0", "1.1", "1.1", "1.1", "1.2", "1.2"], rows.Select(row => row.SopInstanceUid));
        Assert.Equal(7, rows.Select(row => row.StudyKey).Distinct().Count());
    }

    [Theory]
    [InlineData("Zhang^San", true)]
    [InlineData("zhang*", true)]
    [InlineData("ZHANG SAN", true)]
    [InlineData("zhangsan", true)]
    [InlineData("*san", true)]
    [InlineData("*h?ng*", true)]
    [InlineData("张三", true)]
    [InlineData("张*", true)]
    [InlineData("*三", true)]
    [InlineData("张^三", true)]
    [InlineData("Zhang^San=张^三", true)]
    [InlineData("Zhang^San=李^四", false)]
    [InlineData("ＺＨＡＮＧ*", true)]
    [InlineData("zhang", false)]
    [InlineData("li*", false)]
    [InlineData("李*", false)]
    [InlineData("[z]hang*", false)]
    [InlineData("*", true)]
    public async Task Query_ByPatientName_FoldsCaseAndGroups(string pattern, bool found)
    {
        await Put(Study(1));
        Assert.Equal(found ? ["key00001"] : [], await Find(new StudyQuery { PatientName = pattern }));
    }

    [Fact]
    public async Task Query_ByEachKey_FindsExactlyItsStudies()
    {
        for (var i = 0; i < 30; i++) await Put(Study(i) with { Attributes = Study(i).Attributes with { Modalities = i % 3 == 0 ? ["CT", "SR"] : ["MR"], ReferringPhysicianName = i == 4 ? "Wang^Wu" : null } });
        Assert.Equal(["key00004"], await Find(new StudyQuery { StudyInstanceUids = ["1.2.3.4"] }));
        Assert.Equal(["key00005"], await Find(new StudyQuery { PatientId = " P5 " }));
        Assert.Equal(["key00006"], await Find(new StudyQuery { AccessionNumber = "ACC6" }));
        Assert.Equal(["key00007"], await Find(new StudyQuery { StudyId = "S7" }));
        Assert.Equal(11, (await Find(new StudyQuery { PatientId = "P1*" })).Length);
        Assert.Equal(10, (await Find(new StudyQuery { ModalitiesInStudy = ["SR"] })).Length);
        Assert.Equal(30, (await Find(new StudyQuery { ModalitiesInStudy = ["MR", "CT", "SR"] })).Length);
        Assert.Equal(["key00004"], await Find(new StudyQuery { ReferringPhysicianName = "wang*" }));
        Assert.Equal(["key00003"], await Find(new StudyQuery { ModalitiesInStudy = ["SR"], StudyDate = DicomRange.Parse("20260404-20260404") }));
        Assert.Empty(await Find(new StudyQuery { PatientId = "P5", AccessionNumber = "ACC6" }));
    }

    [Fact]
    public async Task Query_WithScope_SeesOnlyTheScope()
    {
        for (var i = 0; i < 20; i++) await Put(Study(i));
        Assert.Equal(3, (await Find(new StudyQuery { Scope = new StudyScope(["patient1"], null) })).Length);
        Assert.Equal(4, (await Find(new StudyQuery { Scope = new StudyScope(["patient1"], ["key00000"]) })).Length);
        Assert.Equal(["key00008"], await Find(new StudyQuery { PatientId = "P8", Scope = new StudyScope(["patient1"], ["key00000"]) }));
        Assert.Empty(await Find(new StudyQuery { PatientId = "P9", Scope = new StudyScope(["patient1"], ["key00000"]) }));
        Assert.Empty(await Find(new StudyQuery { Scope = StudyScope.None }));
    }

    [Theory]
    [InlineData("张伟", true)]
    [InlineData("張偉", true)]
    [InlineData("张", true)]
    [InlineData("伟", true)]
    [InlineData("zhangwei", true)]
    [InlineData("Zhang Wei", true)]
    [InlineData("zhangw", true)]
    [InlineData("wei", true)]
    [InlineData("zw", true)]
    [InlineData("ＺＷ", true)]
    [InlineData("p77", true)]
    [InlineData("p-77/a", true)]
    [InlineData("p77a", true)]
    [InlineData("acc7", true)]
    [InlineData("胸部平扫", true)]
    [InlineData("thorax zhang", true)]
    [InlineData("nodule 张伟", true)]
    [InlineData("chest", true)]
    [InlineData("张三", false)]
    [InlineData("weizhang", false)]
    [InlineData("odule", false)]
    [InlineData("zhang brain", false)]
    [InlineData("伟张", false)]
    public async Task Query_ByKeywords_FindsNameInPinyinIdentifiersAndTexts(string text, bool found)
    {
        await Put(Study(7) with
        {
            Attributes = Study(7).Attributes with { PatientName = "=張^偉", PatientId = "P-77/A", StudyDescription = "胸部CT平扫 胸部平扫 THORAX" },
            Series = [Study(7).Series[0] with { Attributes = new SeriesAttributes { BodyPart = "Chest" } }],
            Reports = [new ReportContent { SopInstanceUid = "1.9", Words = ["nodule"] }],
        });
        Assert.Equal(found ? ["key00007"] : [], await Find(new StudyQuery { Keywords = Keywords.Parse(text)! }));
    }

    [Fact]
    public async Task Query_WithAScanLimit_ComesToItsEnd_PageByPage()
    {
        for (var i = 0; i < 40; i++) await Put(Study(i) with { Attributes = Study(i).Attributes with { PatientSex = i == 3 ? "F" : "M" } });
        var (pages, found) = (0, new List<string>());
        string? continuation = null;
        do
        {
            var page = await Catalog.QueryStudiesAsync(A, new StudyQuery { PatientSex = "F", ScanLimit = 10 }, 5, 0, continuation, default);
            found.AddRange(page.Items.Select(study => study.StudyKey));
            continuation = page.Continuation;
            pages++;
        }
        while (continuation is not null && pages < 50);
        Assert.Equal(["key00003"], found);
        Assert.Null(continuation);
    }

    [Fact]
    public async Task Query_OfHiddenProvisionalOrEmptyStudy_FindsNothing()
    {
        var shown = await Put(Study(1));
        await Put(Study(2) with { ProvisionalOf = "key00001", StudyInstanceUid = shown.StudyInstanceUid });
        await Put(Study(3) with { Series = [] });
        Assert.Equal(["key00001"], await Find(new StudyQuery()));
        Assert.Equal("key00001", (await Catalog.GetStudyAsync(A, shown.StudyInstanceUid, default))!.Id);
        await Catalog.ApplyAsync(StudyChange.Of(shown, shown with { Hidden = true }, []), default);
        Assert.Empty(await Find(new StudyQuery()));
        Assert.Empty(await Find(new StudyQuery { PatientName = "*san" }));
    }

    [Fact]
    public async Task Query_InPages_IsNewestFirst_AndStableWhileStudiesArrive()
    {
        for (var i = 0; i < 25; i++) await Put(Study(i));
        await Put(Study(90) with { Attributes = new StudyAttributes() });
        var all = await Find(new StudyQuery());
        Assert.Equal(26, all.Length);
        Assert.Equal("key00090", all[^1]);
        Assert.Equal(all[5..9], await Find(new StudyQuery(), 4, 5));
        var seen = new List<string>();
        string? continuation = null;
        do
        {
            var page = await Catalog.QueryStudiesAsync(A, new StudyQuery { StudyDate = null }, 4, 0, continuation, default);
            seen.AddRange(page.Items.Select(study => study.StudyKey));
            continuation = page.Continuation;
            await Put(Study(100 + seen.Count) with { Attributes = Study(1).Attributes with { StudyDate = "20991231" } });
        }
        while (continuation is not null);
        Assert.Equal(all, seen);
    }

    [Fact]
    public async Task Query_AfterAttributesChange_FindsTheNewOnly()
    {
        var study = await Put(Study(1));
        await Catalog.ApplyAsync(StudyChange.Of(study, study with { Attributes = study.Attributes with { PatientName = "Li^Si=李^四", StudyDate = "20250101" } }, []), default);
        Assert.Empty(await Find(new StudyQuery { PatientName = "*ang*" }));
        Assert.Equal(["key00001"], await Find(new StudyQuery { PatientName = "*四", StudyDate = DicomRange.Parse("-20250101") }));
        Assert.Empty(await Find(new StudyQuery { StudyDate = DicomRange.Parse("2026") }));
    }

    [Fact]
    public async Task Query_OfAnyCombination_AgreesWithTheFilter()
    {
        var random = new Random(20260301);
        string[] names = ["Zhang^San=张^三", "Li^Si=李^四", "ZHANG^WEI", "Smith^John^^Dr", "O'Neil^A[1]", "欧阳^娜娜", "", "Zhang^San^^^"];
        var studies = new List<StudyDocument>();
        for (var i = 0; i < 120; i++)
        {
            studies.Add(await Put(Study(i) with
            {
                Attributes = new StudyAttributes
                {
                    PatientName = names[random.Next(names.Length)],
                    PatientId = random.Next(4) == 0 ? null : $"P{random.Next(9)}",
                    StudyDate = random.Next(6) == 0 ? null : $"2026{random.Next(1, 4):D2}{random.Next(1, 29):D2}",
                    StudyTime = random.Next(3) == 0 ? null : $"{random.Next(24):D2}{random.Next(60):D2}",
                    AccessionNumber = $"A{random.Next(20)}",
                    PatientSex = random.Next(2) == 0 ? "M" : "F",
                    Modalities = random.Next(3) switch { 0 => ["CT"], 1 => ["MR", "SR"], _ => [] },
                },
                Hidden = random.Next(10) == 0,
                Level = random.Next(8) == 0 ? 5 : 4,
                Tier = (StorageTier)random.Next(4),
                State = random.Next(6) == 0 ? StudyState.Receiving : StudyState.Complete,
                Tags = random.Next(5) == 0 ? ["infectious"] : [],
                Categories = random.Next(5) == 0 ? ["checkup"] : [],
                Parties = new StudyParties { Performing = random.Next(2) == 0 ? A : "hospital-b" },
                Reports = random.Next(4) == 0 ? [Report(random.Next(100))] : [],
            }));
        }

        for (var round = 0; round < SearchRounds; round++)
        {
            var query = new StudyQuery
            {
                PatientName = Maybe("zhang*", "*a*", "张三", "*四", "o'neil^a[1]", "*[*", "?????^s*", "smith john dr", "zh*", "s*", "l?*", "*^s*", "li s*", "x*"),
                PatientId = Maybe("P1", "P*", "?3", "*"),
                AccessionNumber = Maybe("A1*", "A3", "X"),
                PatientSex = Maybe("M", "F"),
                StudyDate = Maybe("20260201-", "-20260215", "20260105-20260310", "202602") is { } date ? DicomRange.Parse(date) : null,
                StudyTime = Maybe("0800-1200", "-10") is { } time ? DicomRange.Parse(time) : null,
                ModalitiesInStudy = Maybe("CT", "SR,CT", "XX")?.Split(',') ?? [],
                Keywords = random.Next(3) == 0 ? Keywords.Parse(Maybe("zhang", "zs", "张", "张三", "娜", "ouyang", "p1 zhang", "nodule", "li ct", "结节", "nothing"))! : [],
                ReportText = random.Next(6) == 0 ? Keywords.Parse(Maybe("nodule", "结节", "lobe", "zhang"))! : [],
                Levels = Maybe("5", "4", "4,5") is { } levels ? [.. levels.Split(',').Select(int.Parse)] : [],
                Tiers = Maybe("Archive", "Hot,Cold") is { } tiers ? [.. tiers.Split(',').Select(Enum.Parse<StorageTier>)] : [],
                States = random.Next(6) == 0 ? [StudyState.Receiving] : [],
                Tags = random.Next(6) == 0 ? ["infectious"] : [],
                Categories = random.Next(6) == 0 ? ["checkup"] : [],
                BodyParts = random.Next(8) == 0 ? ["CHEST"] : [],
                Performing = random.Next(5) == 0 ? A : null,
                AgeFrom = random.Next(6) == 0 ? 40 : null,
                Findings = random.Next(8) == 0 ? ["SCT:27925004"] : [],
                Measurements = random.Next(8) == 0 ? [new MeasurementKey("SCT:410668003", random.Next(2) == 0 ? "mm" : null, random.Next(60) - 50, random.Next(2) == 0 ? 40 : null)] : [],
                Scope = Maybe("patient1", "patient2,patient3") is { } scope ? new StudyScope(scope.Split(','), ["key00001"]) : StudyScope.All,
            };
            var expected = studies.Where(study => StudyFilter.Matches(query, study)).OrderByDescending(study => StudyFilter.SortKey(study.Attributes), StringComparer.Ordinal)
                .ThenByDescending(study => study.StudyKey, StringComparer.Ordinal).Select(study => study.StudyKey).ToArray();
            Assert.Equal(expected, await Find(query, 200));
            Assert.Equal(expected.Skip(3).Take(5), await Find(query, 5, 3));
            if (round % 10 == 0) Assert.Equal(expected, await Walk(query with { ScanLimit = 25 }));
        }

        async Task<List<string>> Walk(StudyQuery query)
        {
            var seen = new List<string>();
            string? continuation = null;
            do
            {
                var page = await Catalog.QueryStudiesAsync(A, query, 7, 0, continuation, default);
                seen.AddRange(page.Items.Select(study => study.StudyKey));
                continuation = page.Continuation;
            }
            while (continuation is not null);
            return seen;
        }

        static ReportContent Report(int number) => new()
        {
            SopInstanceUid = $"1.5.{number}",
            Words = number % 2 == 0 ? ["nodule", "lobe"] : ["结节", "节"],
            Codes = number % 3 == 0 ? ["SCT:27925004"] : ["DCM:121071"],
            Measurements = [new Measurement("SCT:410668003", number % 5 == 0 ? "cm" : "mm", number - 50)],
        };

        string? Maybe(params string[] values) => random.Next(3) == 0 ? values[random.Next(values.Length)] : null;
    }

    [Fact]
    public async Task ListDue_ListsWaitingEventsAndQuietStudies()
    {
        await Put(Study(1));
        await Put(Study(2) with { Outbox = [new StudyEvent("e1", StudyEventTypes.Stored, Now, 1, 3)] });
        await Put(Study(3) with { State = StudyState.Receiving, Sources = [new StudySource("ct1", SourceTrust.Modality, 3, Now, Now.AddSeconds(60)), new StudySource("pacs", SourceTrust.Pacs, 3, Now, Now.AddSeconds(30))] });
        Assert.Equal([new StudyReference(A, "key00002")], await Catalog.ListDueAsync(StudyDue.Events, Now, 10, default));
        Assert.Empty(await Catalog.ListDueAsync(StudyDue.Quiet, Now.AddSeconds(59), 10, default));
        Assert.Equal([new StudyReference(A, "key00003")], await Catalog.ListDueAsync(StudyDue.Quiet, Now.AddSeconds(60), 10, default));
    }

    [Fact]
    public async Task Apply_Racing_LetsExactlyOneWriterMakeEachRevision()
    {
        await Put(Study(1));
        await Task.WhenAll(Enumerable.Range(0, 6).Select(writer => Task.Run(async () =>
        {
            for (var done = 0; done < 10;)
            {
                var mark = $"{writer}/{done};";
                var study = (await Catalog.GetStudyByKeyAsync(A, "key00001", default))!.Value;
                if (study.Attributes.StudyId!.Contains(mark, StringComparison.Ordinal))
                {
                    done++;
                    continue;
                }

                try
                {
                    await Catalog.ApplyAsync(StudyChange.Of(study, study with { Attributes = study.Attributes with { StudyId = study.Attributes.StudyId + mark } }, []), default);
                    done++;
                }
                catch (DocumentConflictException)
                {
                    // Another writer was first, and nothing of this change is there: the mark would be found twice otherwise.
                }
                catch (IOException)
                {
                    // A store that lost the answer and cannot find out: whoever writes reads again, and sees.
                }
            }
        })));
        var last = (await Catalog.GetStudyByKeyAsync(A, "key00001", default))!.Value;
        Assert.Equal((60, 61), (last.Attributes.StudyId!["S1".Length..].Split(';', StringSplitOptions.RemoveEmptyEntries).Distinct().Count(), last.Revision));
    }
}
