using System.Text.Json;
using Skylight.Core.Ingest;
using Skylight.Core.Retrieve;

namespace Skylight.Core.Tests.Retrieve;

public sealed class StoreReceiptTests
{
    private static readonly DicomWebUrls Urls = new("https://h/dicomweb");

    [Fact]
    public void Of_AllStored_Is200WithReferences()
    {
        var receipt = Receipt(Stored("1.1"), Stored("1.2", OutcomeKind.Duplicate));

        Assert.Equal(200, receipt.Status);
        var json = Json(receipt);
        Assert.Equal("https://h/dicomweb/studies/1", Value(json, "00081190").GetString());
        var items = json.GetProperty("00081199").GetProperty("Value").EnumerateArray().ToList();
        Assert.Equal(["1.1", "1.2"], items.Select(i => Value(i, "00081155").GetString()));
        Assert.Equal("1.2.840.10008.5.1.4.1.1.2", Value(items[0], "00081150").GetString());
        Assert.Equal("https://h/dicomweb/studies/1/series/2/instances/1.1", Value(items[0], "00081190").GetString());
        Assert.False(json.TryGetProperty("00081198", out _));
    }

    [Fact]
    public void Of_Findings_Is202WithWarningReason()
    {
        var receipt = Receipt(Stored("1.1") with { Findings = ["uid-malformed"] }, Stored("1.2"));

        Assert.Equal(202, receipt.Status);
        var items = Json(receipt).GetProperty("00081199").GetProperty("Value").EnumerateArray().ToList();
        Assert.Equal(0xB007, Value(items[0], "00081196").GetInt32());
        Assert.False(items[1].TryGetProperty("00081196", out _));
    }

    [Fact]
    public void Of_HeldAndStored_Is202WithFailure()
    {
        var receipt = Receipt(Stored("1.1"), Failed("1.2", OutcomeKind.Held, IngestReasons.PixelsDiffer));

        Assert.Equal((202, 1, 1), (receipt.Status, receipt.Stored, receipt.Failed));
        var failed = Assert.Single(Json(receipt).GetProperty("00081198").GetProperty("Value").EnumerateArray());
        Assert.Equal("1.2", Value(failed, "00081155").GetString());
        Assert.Equal(0x0111, Value(failed, "00081197").GetInt32());
    }

    [Fact]
    public void Of_NothingStored_Is409()
    {
        var receipt = Receipt(Failed("1.2", OutcomeKind.Rejected, IngestReasons.StorageFull), Failed(null, OutcomeKind.Rejected, IngestReasons.NotDicom));

        Assert.Equal(409, receipt.Status);
        var json = Json(receipt);
        Assert.Equal(0xA700, Value(Assert.Single(json.GetProperty("00081198").GetProperty("Value").EnumerateArray()), "00081197").GetInt32());
        // Without UIDs it is in Other Failures.
        Assert.Equal(0xC000, Value(Assert.Single(json.GetProperty("0008119A").GetProperty("Value").EnumerateArray()), "00081197").GetInt32());
        Assert.False(json.GetProperty("00081190").TryGetProperty("Value", out _));
    }

    [Fact]
    public void Of_InstanceOfAnotherStudy_IsADatasetMismatch()
    {
        var receipt = Receipt(Failed("1.2", OutcomeKind.Rejected, IngestReasons.WrongStudy));
        Assert.Equal(0xA901, Value(Assert.Single(Json(receipt).GetProperty("00081198").GetProperty("Value").EnumerateArray()), "00081197").GetInt32());
    }

    private static StoreReceipt Receipt(params FileOutcome[] files) => StoreReceipt.Of(new IngestReport(files), Urls);

    private static FileOutcome Stored(string sop, OutcomeKind kind = OutcomeKind.Stored) => new()
    {
        Name = "1", Kind = kind, SopClassUid = "1.2.840.10008.5.1.4.1.1.2", SopInstanceUid = sop, StudyInstanceUid = "1", SeriesInstanceUid = "2",
    };

    private static FileOutcome Failed(string? sop, OutcomeKind kind, IngestReason reason) => Stored("") with { Kind = kind, SopInstanceUid = sop, Reason = reason };

    private static JsonElement Json(StoreReceipt receipt)
    {
        var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream)) receipt.Attributes.WriteTo(writer);
        return JsonDocument.Parse(stream.ToArray()).RootElement;
    }

    private static JsonElement Value(JsonElement item, string tag) => item.GetProperty(tag).GetProperty("Value")[0];
}
