using FsCheck;
using FsCheck.Fluent;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Core.Studies;

namespace Skylight.Core.Tests.Studies;

/// <summary>Identity as a pure function: the table, and what holds for every history.</summary>
public sealed class InstanceRulesTests
{
    private static InstanceIndexRow Row(byte dataset = 1, byte pixel = 1, string kind = "native", InstanceState state = InstanceState.Current, string study = "s", string series = "e",
        SourceTrust trust = SourceTrust.Pacs, int revision = 1) => new()
        {
            SopInstanceUid = "1.2",
            SopClassUid = "c",
            StudyKey = study,
            SeriesKey = series,
            DatasetDigest = [dataset],
            PixelDigest = kind == "none" ? [] : [pixel],
            PixelDigestKind = kind,
            FileSha256 = [0],
            Revision = state == InstanceState.Held ? 0 : revision,
            State = state,
            Trust = trust,
            ItemId = state is InstanceState.Held or InstanceState.Rejected ? "item" : null,
        };

    private static InstanceDecision Decide(InstanceIndexRow incoming, params InstanceIndexRow[] rows) =>
        InstanceRules.Decide(new IncomingInstance(incoming.StudyKey, incoming.SeriesKey, incoming.DatasetDigest, incoming.PixelDigest, incoming.PixelDigestKind, incoming.Trust), rows);

    [Theory]
    [InlineData("native", "native", 1, OutcomeKind.Revision, null)]
    [InlineData("native", "native", 2, OutcomeKind.Held, "pixels-differ")]
    [InlineData("encoded", "encoded", 1, OutcomeKind.Revision, null)]
    [InlineData("encoded", "encoded", 2, OutcomeKind.Held, "not-comparable")]
    [InlineData("native", "encoded", 1, OutcomeKind.Held, "not-comparable")]
    [InlineData("native", "decoded", 1, OutcomeKind.Revision, null)]
    [InlineData("decoded", "native", 1, OutcomeKind.Revision, null)]
    [InlineData("native", "decoded", 2, OutcomeKind.Held, "not-comparable")]
    [InlineData("decoded", "decoded", 2, OutcomeKind.Held, "pixels-differ")]
    [InlineData("decoded", "encoded", 1, OutcomeKind.Held, "not-comparable")]
    [InlineData("none", "none", 1, OutcomeKind.Revision, null)]
    [InlineData("none", "native", 1, OutcomeKind.Held, "not-comparable")]
    public void Decide_OtherAttributes_ByPixels(string known, string incoming, byte pixel, OutcomeKind kind, string? code)
    {
        var decision = Decide(Row(dataset: 2, pixel: pixel, kind: incoming), Row(kind: known));
        Assert.Equal((kind, code), (decision.Kind, decision.Reason?.Code));
    }

    [Fact]
    public void Decide_OfACompressedCopy_IsADuplicate() => Assert.Equal(OutcomeKind.Duplicate, Decide(Row(kind: "decoded"), Row(kind: "native")).Kind);

    [Fact]
    public void Decide_OfWhatWasStoredWithoutDecoding_IsStillADuplicate()
    {
        var incoming = new IncomingInstance("s", "e", [1], [9], "decoded", SourceTrust.Pacs, EncodedPixelDigest: [1]);
        Assert.Equal(OutcomeKind.Duplicate, InstanceRules.Decide(incoming, [Row(kind: "encoded")]).Kind);
        Assert.Equal(OutcomeKind.Held, InstanceRules.Decide(incoming with { EncodedPixelDigest = [2] }, [Row(kind: "encoded")]).Kind);
    }

    [Fact]
    public void Decide_AfterDeletion_StoresAnew() => Assert.Equal((OutcomeKind.Stored, 2, true), Decide(Row(), Row(state: InstanceState.Deleted)) is var d ? (d.Kind, d.Revision, d.Current) : default);

    [Fact]
    public void Decide_HeldElsewhere_DoesNotHinder() => Assert.Equal(OutcomeKind.Stored, Decide(Row(), Row(state: InstanceState.Held, study: "other")).Kind);

    [Fact]
    public void Decide_OfAnyHistory_KeepsOneCurrent_AndKnowsWhatItHasSeen()
    {
        var step = from dataset in Gen.Choose(1, 3)
                   from pixel in Gen.Choose(1, 2)
                   from kind in Gen.Elements("native", "encoded", "none")
                   from trust in Gen.Elements(SourceTrust.Other, SourceTrust.Pacs, SourceTrust.Modality)
                   from study in Gen.Frequency((5, Gen.Constant("s")), (1, Gen.Constant("t")))
                   select Row((byte)dataset, (byte)pixel, kind, trust: trust, study: study);
        Prop.ForAll(step.ListOf().ToArbitrary(), history =>
        {
            var rows = new List<InstanceIndexRow>();
            foreach (var incoming in history)
            {
                var decision = Decide(incoming, [.. rows]);
                if (decision.Existing is null && decision.Kind != OutcomeKind.Rejected)
                {
                    if (decision.Replaces is { } replaced) rows[rows.IndexOf(replaced)] = replaced with { State = InstanceState.Superseded };
                    rows.Add(incoming with
                    {
                        Revision = decision.Revision,
                        State = decision.Kind == OutcomeKind.Held ? InstanceState.Held : decision.Current ? InstanceState.Current : InstanceState.Superseded,
                    });
                }

                // The same content again changes nothing.
                var again = Decide(incoming, [.. rows]);
                if (again.Existing is null || again.Kind is not (OutcomeKind.Duplicate or OutcomeKind.Held)) return false;
            }

            var current = rows.Where(row => row.State == InstanceState.Current).ToList();
            return current.Count <= 1
                && (history.Count == 0 || current.Count == 1)
                && rows.Where(row => row.State is InstanceState.Current or InstanceState.Superseded).All(row => row.Trust <= current[0].Trust)
                && rows.Where(row => row.State != InstanceState.Held).Select(row => row.Revision).Distinct().Count() == rows.Count(row => row.State != InstanceState.Held);
        }).QuickCheckThrowOnFailure();
    }
}
