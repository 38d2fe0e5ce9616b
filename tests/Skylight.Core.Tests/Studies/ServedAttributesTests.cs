using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Core.Patients;
using Skylight.Core.Studies;

namespace Skylight.Core.Tests.Studies;

/// <summary>What a study shows after a change of states, made from as few instances as can say something.</summary>
public sealed class ServedAttributesTests
{
    [Fact]
    public async Task OfAsync_AnyChange_GivesWhatAllInstancesGive()
    {
        for (var seed = 1; seed <= 400; seed++)
        {
            var random = new Random(seed);
            var all = Enumerable.Range(1, random.Next(2, 14)).Select(n => Instance(random, n)).ToList();
            var before = all.FindAll(_ => random.Next(3) > 0);
            var after = all.FindAll(_ => random.Next(3) > 0);
            var study = ServedAttributes.Of(Empty(all), before);
            study = study with { Series = [.. study.Series.Select(series => series with { Instances = before.Count(item => item.SeriesKey == series.SeriesKey) })] };
            var made = await ServedAttributes.OfAsync(
                study, [.. after.Select(item => (item.SeriesKey, item.Entry))], after.Except(before).Select(item => (item.SeriesKey, item.Entry)),
                (_, entry) => ValueTask.FromResult<InstanceFacts?>(all.Find(item => item.Entry == entry).Facts));
            Assert.Empty(DerivedFields.Differences(ServedAttributes.Of(study, after), made).Select(field => $"{seed}: {field}"));
        }
    }

    [Fact]
    public async Task OfAsync_OneOfManyImagesGone_AsksForTheFirstOfEachSeries()
    {
        var random = new Random(1);
        var all = Enumerable.Range(1, 1000).Select(n => Instance(random, n, plain: true)).ToList();
        var study = ServedAttributes.Of(Empty(all), all);
        var asked = 0;
        await ServedAttributes.OfAsync(study, [.. all.Skip(1).Select(item => (item.SeriesKey, item.Entry))], [], (_, entry) =>
        {
            asked++;
            return ValueTask.FromResult<InstanceFacts?>(all.Find(item => item.Entry == entry).Facts);
        });
        Assert.InRange(asked, 3, 12);
    }

    private static StudyDocument Empty(IEnumerable<(string SeriesKey, IndexEntry Entry, InstanceFacts Facts)> all) => new()
    {
        Institution = "hospital-a", StudyKey = "s", StudyInstanceUid = "1.2.3", PatientKey = "p", Attributes = new StudyAttributes(),
        Series = [.. all.Select(item => item.SeriesKey).Distinct().Select(key => new SeriesRecord { SeriesKey = key, SeriesInstanceUid = key, Attributes = new SeriesAttributes() })],
    };

    /// <param name="plain">Images of one source that say the same.</param>
    private static (string SeriesKey, IndexEntry Entry, InstanceFacts Facts) Instance(Random random, int number, bool plain = false)
    {
        var series = $"series-{random.Next(3)}";
        var isReport = !plain && random.Next(5) == 0;
        var modality = isReport ? "SR" : series == "series-0" ? "MR" : "CT";
        var sopClass = isReport ? "1.2.840.10008.5.1.4.1.1.88.33" : "1.2.840.10008.5.1.4.1.1.2";
        var entry = new IndexEntry
        {
            SopInstanceUid = $"1.2.3.{number}", SopClassUid = sopClass, TransferSyntaxUid = "1.2.840.10008.1.2.1", Pack = new SealedReference("", 0), Offset = 0, Length = 1,
            DatasetOffset = 0, FileSha256 = BitConverter.GetBytes(number), DatasetDigest = BitConverter.GetBytes(number), PixelDigest = [], PixelDigestKind = "none", FrameTable = [],
            Revision = !plain && random.Next(6) == 0 ? 2 : 1, Current = true, Trust = plain ? 1 : random.Next(3), State = EntryState.Stored, ReceivedAt = DateTimeOffset.UnixEpoch, Rows = isReport ? 0 : 512, Arrived = (ulong)number,
        };
        return (series, entry, new InstanceFacts
        {
            Identity = new InstanceIdentity(sopClass, entry.SopInstanceUid, series, "1.2.3", new PatientIdentity()), TransferSyntaxUid = entry.TransferSyntaxUid, Length = 1, DatasetOffset = 0,
            FileSha256 = entry.FileSha256, DatasetDigest = entry.DatasetDigest, PixelDigest = [], PixelDigestKind = "none", FrameTable = [], Metadata = [], Rows = entry.Rows,
            Study = new StudyAttributes { PatientId = "P1", PatientName = Text(), StudyDescription = Text(), AccessionNumber = Text() },
            Series = new SeriesAttributes { Modality = modality, SeriesDescription = Text(), BodyPart = Text(), ProtocolName = Text() },
            Report = isReport ? new ReportContent { SopInstanceUid = entry.SopInstanceUid, Words = ["a word"], Codes = [], Measurements = [] } : null,
        });

        string? Text() => plain ? "same" : random.Next(3) switch { 0 => null, 1 => "usual", _ => $"of {number}" };
    }
}
