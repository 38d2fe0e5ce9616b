using Skylight.Core.Audit;
using Xunit;

namespace Skylight.Conformance;

/// <summary>What every <see cref="IAuditLog"/> must do. How tampering is done to it is each store's own matter.</summary>
public abstract class AuditLogConformance
{
    /// <summary>The trail, or another one on the same store.</summary>
    protected abstract IAuditLog Log { get; }

    /// <summary>Ends the trail as a host's stop does, and opens it again.</summary>
    protected abstract Task ReopenAsync();

    [Fact]
    public async Task Entries_FormOneChainAnInstitution_AlsoWhenTheyArriveTogether()
    {
        var sequences = await Task.WhenAll(Enumerable.Range(0, 400).Select(i => Task.Run(async () => (Institution: i % 2 == 0 ? "a" : "b", Sequence: await Log.AppendAsync(i % 2 == 0 ? "a" : "b", Event(i), default)))));
        foreach (var institution in new[] { "a", "b" })
        {
            Assert.Equal(Enumerable.Range(1, 200).Select(i => (long)i), sequences.Where(s => s.Institution == institution).Select(s => s.Sequence).Order());
            var verification = await Log.VerifyAsync(institution, null, default);
            Assert.Empty(verification.Findings);
            Assert.Equal(200, verification.Entries);
            Assert.StartsWith("200:", verification.Head, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Read_FiltersAndPages_InOrder()
    {
        for (var i = 0; i < 20; i++) await Log.AppendAsync("a", Event(i) with { PatientKey = i % 4 == 0 ? "p" : "q" }, default);
        var first = await Log.ReadAsync("a", new(["p", "p-merged"], null, null, null, null, 0, 3), default);
        Assert.Equal([1L, 5, 9], first.Items.Select(e => e.Sequence));
        var rest = await Log.ReadAsync("a", new(["p"], null, null, null, null, long.Parse(first.Next!, null), 9), default);
        Assert.Equal([13L, 17], rest.Items.Select(e => e.Sequence));
        Assert.Null(rest.Next);
        var time = await Log.ReadAsync("a", new(null, null, null, At(3), At(5), 0, 9), default);
        Assert.Equal([4L, 5], time.Items.Select(e => e.Sequence));
        Assert.Equal([7L], (await Log.ReadAsync("a", new(null, "s6", "a/account", null, null, 0, 9), default)).Items.Select(e => e.Sequence));
        Assert.Equal(AuditChain.Encode(Event(3) with { PatientKey = "q" }), AuditChain.Encode(time.Items[0].Event));
        Assert.Empty((await Log.ReadAsync("other", new(null, null, null, null, null, 0, 9), default)).Items);
    }

    [Fact]
    public async Task Restart_ContinuesTheChain()
    {
        for (var i = 0; i < 5; i++) await Log.AppendAsync("a", Event(i), default);
        await ReopenAsync();
        Assert.Equal(6, await Log.AppendAsync("a", Event(6), default));
        Assert.True((await Log.VerifyAsync("a", null, default)).Ok);
    }

    [Fact]
    public async Task Verify_AgainstAHeadKeptElsewhere_FindsWhatWasCutOff()
    {
        for (var i = 0; i < 5; i++) await Log.AppendAsync("a", Event(i), default);
        Assert.True(AuditHead.TryParse((await Log.VerifyAsync("a", null, default)).Head, out var head));
        Assert.True((await Log.VerifyAsync("a", head, default)).Ok);
        Assert.Contains((await Log.VerifyAsync("a", head with { Sequence = 6 }, default)).Findings, f => f is { Sequence: 6, Code: "truncated" });
    }

    protected static DateTimeOffset At(int i) => new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddMinutes(i);

    protected static AuditEvent Event(int i) =>
        new(1, At(i), "a/account", "a", ["radiologist"], "session", "studyRead", "treatment", $"s{i}", "p", null, "G7b2-REPORT", ["G7b2-REPORT", "AU-1"], "1.x", "permit");
}
