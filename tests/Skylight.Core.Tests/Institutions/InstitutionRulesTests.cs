using Skylight.Core.Institutions;

namespace Skylight.Core.Tests.Institutions;

public sealed class InstitutionRulesTests
{
    private static readonly Institution Good = new(1, "hospital-a", "第一医院", "First Hospital", "91350100M000100Y43", "Asia/Shanghai", LegalProfile.CnStrict, [], DateTimeOffset.UnixEpoch);

    [Fact]
    public void GoodRecord_HasNoFaults() => Assert.Empty(InstitutionRules.Faults(Good));

    [Theory]
    [InlineData("A")]
    [InlineData("UPPER")]
    [InlineData("a b")]
    [InlineData("a/b")]
    [InlineData("platform")]
    [InlineData("hospital-a\n")]
    public void BadCode_IsNamed(string code) => Assert.Equal(["code"], InstitutionRules.Faults(Good with { Code = code }));

    [Fact]
    public void EveryFault_IsNamed() => Assert.Equal(
        ["name", "socialCreditCode", "timeZone", "campuses"],
        InstitutionRules.Faults(Good with { Name = " ", SocialCreditCode = "91350100M000100Y44", TimeZone = "Mars/Olympus", Campuses = [new("x y", "n", [])] }));

    [Theory]
    [InlineData("91350100M000100Y43", true)] // the example of GB 32100-2015
    [InlineData("91350100M000100Y4", false)]
    [InlineData("91350100M000100I43", false)]
    [InlineData("19350100M000100Y43", false)]
    public void SocialCreditCode_IsCheckedByItsCheckCharacter(string code, bool valid) => Assert.Equal(valid, InstitutionRules.IsSocialCreditCode(code));
}
