using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Skylight.Core.Catalog;

namespace Skylight.Core.Tests.Catalog;

public sealed class TextMatchingTests
{
    [Fact]
    public void Matches_OfAnyTextAndPattern_AgreesWithARegularExpression()
    {
        var texts = Gen.Elements("abc", "", "aab", "张三", "ba", "aaaaaaab", "a^b");
        var patterns = Gen.Elements('a', 'b', '*', '?', '张', '^').ListOf().Select(chars => new string([.. chars]));
        Prop.ForAll(Gen.Zip(texts, patterns).ToArbitrary(), pair =>
        {
            var (text, pattern) = pair;
            var expected = Regex.IsMatch(text, $"^{Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal).Replace("\\?", ".", StringComparison.Ordinal)}$", RegexOptions.Singleline);
            return TextMatching.Matches(text, pattern) == expected;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Matches_OfManyStars_TakesNoLongerForIt() => Assert.False(TextMatching.Matches(new string('a', 256), string.Concat(Enumerable.Repeat("*a", 100)) + "b"));

    [Theory]
    [InlineData("Zhang^San^^^", "zhang^san|zhang san|zhangsan")]
    [InlineData("ＺＨＡＮＧ　San", "zhang san")]
    [InlineData("Zhang^San=张^三=zhang1^san1", "zhang^san|zhang san|zhangsan|张^三|张 三|张三|zhang1^san1|zhang1 san1|zhang1san1")]
    [InlineData("  ", "")]
    public void NameForms_OfName_AreFolded(string name, string forms) => Assert.Equal(forms.Split('|', StringSplitOptions.RemoveEmptyEntries), TextMatching.NameForms(name));

    [Theory]
    [InlineData("20260101-20260131", "20260115", true)]
    [InlineData("20260101-20260131", "20260201", false)]
    [InlineData("20260101-", "20991231", true)]
    [InlineData("-20260131", "20260131", true)]
    [InlineData("-1030", "103059", true)]
    [InlineData("20260101", "2026.01.01", true)]
    [InlineData("20260101", null, false)]
    public void Range_Contains(string range, string? value, bool expected) => Assert.Equal(expected, DicomRange.Parse(range)!.Contains(value));

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("today")]
    [InlineData("20260101-x")]
    public void Range_OfNonsense_IsNull(string range) => Assert.Null(DicomRange.Parse(range));
}
