using Skylight.Core.Access;
using Skylight.Core.Identity;

namespace Skylight.Core.Tests.Identity;

public sealed class SignInTests : IAsyncDisposable
{
    private readonly IdentityFixture _f = new(o => o.MaxFailuresPerAddress = 20);

    public ValueTask DisposeAsync() => _f.DisposeAsync();

    [Fact]
    public async Task RightPassword_SignsIn_WhateverTheCaseOfTheName()
    {
        await _f.AddAsync(Role.Radiologist, "lin");
        Assert.NotNull((await TryAsync(" Lin@Hospital-A ", "correct horse")).Account);
    }

    [Fact]
    public async Task WrongUnknownClosedAndPasswordless_AreOneAnswer()
    {
        var closed = await _f.AddAsync(Role.Radiologist, "closed");
        await _f.Accounts.ChangeAsync((await _f.Accounts.FindAsync(closed.Subject, default))!, a => a with { DisabledAt = _f.Clock.Now }, default);
        await _f.AddAsync(Role.Radiologist, "lin");
        await _f.AddAsync(Role.Radiologist, "elsewhere", password: null);
        foreach (var name in new[] { "lin@hospital-a", "nobody@hospital-a", "lin@nowhere", "closed@hospital-a", "elsewhere@hospital-a" })
            Assert.Equal(new SignIn(null, null), await TryAsync(name, name.StartsWith("closed", StringComparison.Ordinal) ? "correct horse" : "wrong password"));
    }

    [Fact]
    public async Task Name_LocksAfterFiveFailures_AlsoForTheRightPassword_AndOpensWithTime()
    {
        await _f.AddAsync(Role.Radiologist, "lin");
        for (var i = 0; i < 5; i++) Assert.Null((await TryAsync("lin@hospital-a", "wrong password")).RetryAfter);
        Assert.Equal(TimeSpan.FromMinutes(30), (await TryAsync("lin@hospital-a", "correct horse")).RetryAfter);
        _f.Clock.Now += TimeSpan.FromMinutes(30);
        Assert.NotNull((await TryAsync("lin@hospital-a", "correct horse")).Account);
    }

    [Fact]
    public async Task UnknownName_LocksLikeAKnownOne()
    {
        for (var i = 0; i < 5; i++) Assert.Null((await TryAsync("nobody@hospital-a", "wrong password")).RetryAfter);
        Assert.NotNull((await TryAsync("nobody@hospital-a", "wrong password")).RetryAfter);
    }

    [Fact]
    public async Task ParallelGuesses_CannotOutrunTheCounter()
    {
        await _f.AddAsync(Role.Radiologist, "lin");
        var results = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => TryAsync("lin@hospital-a", "wrong password"))));
        Assert.True(results.Count(r => r.RetryAfter is null) <= 5);
    }

    [Fact]
    public async Task Address_WaitsAfterManyFailuresOnDifferentNames_OthersDoNot()
    {
        await _f.AddAsync(Role.Radiologist, "lin");
        for (var i = 0; i < 20; i++) Assert.Null((await TryAsync($"guess{i}@hospital-a", "wrong password")).RetryAfter);
        Assert.NotNull((await TryAsync("lin@hospital-a", "correct horse")).RetryAfter);
        Assert.NotNull((await TryAsync("lin@hospital-a", "correct horse", address: "10.0.0.2")).Account);
    }

    [Fact]
    public async Task Success_ForgetsTheNamesFailures_AndCountsNothingAgainstTheAddress()
    {
        await _f.AddAsync(Role.Radiologist, "lin");
        for (var round = 0; round < 10; round++)
        {
            Assert.NotNull((await TryAsync("lin@hospital-a", "correct horse")).Account);
            if (round < 4) await TryAsync("lin@hospital-a", "wrong password");
        }
    }

    [Fact]
    public async Task Program_CannotUseThePeoplesDoor_NorTheOtherWay()
    {
        await _f.AddAsync(Role.Uploader, "node");
        await _f.AddAsync(Role.Radiologist, "lin");
        Assert.Null((await TryAsync("node@hospital-a", "correct horse")).Account);
        Assert.Null((await _f.SignIn.SignInAsync("lin@hospital-a", "correct horse", AccountKind.Client, "10.0.0.1", default)).Account);
        Assert.NotNull((await _f.SignIn.SignInAsync("node@hospital-a", "correct horse", AccountKind.Client, "10.0.0.1", default)).Account);
    }

    [Fact]
    public async Task Program_IsNotLockedByStrangers_ButTheirAddressIs()
    {
        await _f.AddAsync(Role.Uploader, "node");
        Task<SignIn> TryNodeAsync(string secret, string address) => _f.SignIn.SignInAsync("node@hospital-a", secret, AccountKind.Client, address, default).AsTask();
        for (var i = 0; i < 20; i++) Assert.Null((await TryNodeAsync("wrong secret", "10.0.0.9")).RetryAfter);
        Assert.NotNull((await TryNodeAsync("correct horse", "10.0.0.9")).RetryAfter);
        Assert.NotNull((await TryNodeAsync("correct horse", "10.0.0.1")).Account);
    }

    [Fact]
    public async Task OldHash_IsRenewed_AndTokensStay()
    {
        var account = await _f.AddAsync(Role.Radiologist, "lin");
        var old = new PasswordHashing(Microsoft.Extensions.Options.Options.Create(new IdentityOptions { HashIterations = 1000 }));
        var stronger = new PasswordHashing(Microsoft.Extensions.Options.Options.Create(new IdentityOptions { HashIterations = 2000 }));
        Assert.Equal(PasswordCheck.Right, old.Check(account.PasswordHash, "correct horse"));
        Assert.Equal(PasswordCheck.RightButOld, stronger.Check(account.PasswordHash, "correct horse"));
        var token = await _f.TokenAsync(account);
        var accounts = new AccountDirectory(_f.Documents, IdentityFixture.Secret, stronger, _f.Clock);
        var signIn = new SignInService(accounts, stronger, _f.Throttle, _f.Audit, _f.Clock);
        Assert.NotNull((await signIn.SignInAsync("lin@hospital-a", "correct horse", AccountKind.Person, "10.0.0.1", default)).Account);
        Assert.Equal(PasswordCheck.Right, stronger.Check((await accounts.FindAsync(account.Subject, default))!.Value.PasswordHash, "correct horse"));
        Assert.NotNull((await _f.CheckAsync(token)).Actor);
    }

    [Fact]
    public async Task Attempts_AreAudited_WithoutTheName()
    {
        var account = await _f.AddAsync(Role.Radiologist, "lin");
        await TryAsync("lin@hospital-a", "correct horse");
        await TryAsync("nobody@hospital-a", "wrong password");
        Assert.Equal([("hospital-a", account.Subject, "done"), ("platform", null, "failed")], _f.Audit.Entries.Select(e => (e.Institution, e.Event.Actor, e.Event.Outcome)));
        Assert.DoesNotContain(_f.Audit.Entries, e => e.Event.ToString().Contains("lin@", StringComparison.Ordinal) || e.Event.ToString().Contains("某人", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Clean_ForgetsOnlyWhatHasPassed()
    {
        await TryAsync("nobody@hospital-a", "wrong password");
        Assert.Equal(0, await _f.Throttle.CleanAsync(default));
        _f.Clock.Now += TimeSpan.FromHours(1);
        Assert.Equal(2, await _f.Throttle.CleanAsync(default));
    }

    private Task<SignIn> TryAsync(string name, string password, string address = "10.0.0.1") =>
        _f.SignIn.SignInAsync(name, password, AccountKind.Person, address, default).AsTask();
}
