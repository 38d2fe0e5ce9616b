using System.Text;
using Skylight.Core.Queues;
using Xunit;

namespace Skylight.Conformance;

/// <summary>What every <see cref="IQueue"/> does, whatever it stands on.</summary>
public abstract class QueueConformance
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(60);

    protected abstract IQueue Queue { get; }

    /// <summary>A name of its own for every test: the store may be shared.</summary>
    protected string Name { get; } = "test-" + Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(8));

    [Fact]
    public async Task Message_SentAndReceived_HasItsBytesAndCount()
    {
        byte[] body = [0, 1, 2, 0xFF, 0xFE, (byte)'<', (byte)'&', 0x80];
        await SendAsync(body);
        var message = await OneAsync();
        Assert.Equal(body, message.Body.ToArray());
        Assert.Equal(1, message.DequeueCount);
        Assert.Equal(Name, message.Queue);
    }

    [Fact]
    public async Task Message_Leased_IsInvisibleToOthers()
    {
        await SendAsync("a"u8.ToArray());
        await OneAsync();
        Assert.Empty(await Queue.ReceiveAsync(Name, 32, Lease, CancellationToken.None));
    }

    [Fact]
    public async Task Message_GivenBack_ComesAgainWithAHigherCount()
    {
        await SendAsync("a"u8.ToArray());
        var first = await OneAsync();
        Assert.NotNull(await Queue.ExtendAsync(first, TimeSpan.Zero, CancellationToken.None));
        var second = await OneAsync();
        Assert.Equal(first.Id, second.Id);
        Assert.Equal(2, second.DequeueCount);
    }

    [Fact]
    public async Task Message_LeaseLost_CannotBeSettledByTheFormerHolder()
    {
        await SendAsync("a"u8.ToArray());
        var first = await OneAsync();
        await Queue.ExtendAsync(first, TimeSpan.Zero, CancellationToken.None);
        var second = await OneAsync();
        Assert.False(await Queue.CompleteAsync(first, CancellationToken.None));
        Assert.Null(await Queue.ExtendAsync(first, Lease, CancellationToken.None));
        Assert.True(await Queue.CompleteAsync(second, CancellationToken.None));
        Assert.Equal(0, await Queue.CountAsync(Name, CancellationToken.None));
    }

    [Fact]
    public async Task Message_Extended_StaysWithItsHolder()
    {
        await SendAsync("a"u8.ToArray());
        var message = await Queue.ExtendAsync(await OneAsync(), Lease, CancellationToken.None);
        Assert.NotNull(message);
        Assert.Empty(await Queue.ReceiveAsync(Name, 32, Lease, CancellationToken.None));
        Assert.True(await Queue.CompleteAsync(message, CancellationToken.None));
    }

    [Fact]
    public async Task Receive_Many_TakesEachOnce()
    {
        for (var i = 0; i < 40; i++) await SendAsync(Encoding.UTF8.GetBytes($"m{i}"));
        Assert.Equal(40, await Queue.CountAsync(Name, CancellationToken.None));
        var seen = new HashSet<string>();
        for (var page = await Queue.ReceiveAsync(Name, 32, Lease, CancellationToken.None); page.Count > 0; page = await Queue.ReceiveAsync(Name, 32, Lease, CancellationToken.None))
        {
            Assert.All(page, m => Assert.True(seen.Add(Encoding.UTF8.GetString(m.Body.Span))));
            foreach (var message in page) await Queue.CompleteAsync(message, CancellationToken.None);
        }

        Assert.Equal(40, seen.Count);
    }

    [Fact]
    public async Task Send_Delayed_IsNotVisibleYet()
    {
        await Queue.SendAsync(Name, "later"u8.ToArray(), TimeSpan.FromHours(1), CancellationToken.None);
        Assert.Empty(await Queue.ReceiveAsync(Name, 1, Lease, CancellationToken.None));
        Assert.Equal(1, await Queue.CountAsync(Name, CancellationToken.None));
    }

    [Fact]
    public async Task Send_LargestBody_IsKeptWhole()
    {
        var body = new byte[IQueue.MaxBodyBytes];
        new Random(1).NextBytes(body);
        await SendAsync(body);
        Assert.Equal(body, (await OneAsync()).Body.ToArray());
    }

    [Fact]
    public async Task Send_BodyTooLarge_IsRefused() =>
        await Assert.ThrowsAsync<ArgumentException>(() => SendAsync(new byte[IQueue.MaxBodyBytes + 1]).AsTask());

    [Theory]
    [InlineData("ab")]
    [InlineData("With-Capitals")]
    [InlineData("two--hyphens")]
    [InlineData("-front")]
    [InlineData("event:x")]
    public async Task Send_NameNotAllowed_IsRefused(string name) =>
        await Assert.ThrowsAsync<ArgumentException>(() => Queue.SendAsync(name, "a"u8.ToArray(), TimeSpan.Zero, CancellationToken.None).AsTask());

    protected ValueTask SendAsync(byte[] body) => Queue.SendAsync(Name, body, TimeSpan.Zero, CancellationToken.None);

    protected async Task<QueueMessage> OneAsync() => Assert.Single(await Queue.ReceiveAsync(Name, 1, Lease, CancellationToken.None));
}
