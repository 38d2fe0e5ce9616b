using Skylight.Conformance;
using Xunit.Sdk;

namespace Skylight.Azure.Tests;

/// <summary>A gate that insists on the stand-ins is not green without them.</summary>
public sealed class ServicesTests
{
    [Fact]
    public void Need_WhereTheyMustBeThere_FailsWithTheReason() =>
        Assert.Contains("no npm", Assert.Throws<FailException>(static () => AzureServices.Need("no npm", required: true)).Message, StringComparison.Ordinal);

    [Fact]
    public void Need_WhereTheyAreThere_GoesOn() => AzureServices.Need(null, required: true);
}
